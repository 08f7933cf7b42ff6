"""The state of a training at one moment: what is saved of it, and how it is taken up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from tftrain.callbacks import callback_states
from tftrain.checkpoints import Saved, nested
from tftrain.distribute import fingerprints
from tftrain.errors import CheckpointError
from tftrain.keras_api import tf

_GROUPS = ("model", "optimizer", "metrics")


class Position(NamedTuple):
    """Where a training stands.

    Attributes:
        epoch: The epoch to go on with, from 0.
        batch: The first batch of it that was not trained on, from 0.
    """

    epoch: int
    batch: int


def capture(
    model: Any,
    callbacks: Iterable[Any],
    position: Position,
    history: Mapping[str, list[float]],
    training: Mapping[str, str],
) -> tuple[dict[str, tf.Tensor], dict[str, Any]]:
    """What a checkpoint holds: tensors by name, and the rest.

    Variables are read without being copied; see `CheckpointFolder.write`.

    Args:
        model: Compiled and built, with its optimizer.
        callbacks: Those of the `fit`.
        position: Where it stands.
        history: Losses and metrics of the epochs done.
        training: What the training was at its beginning, as `fingerprints.of_training` tells it.
    """
    tensors = {
        name: tf.convert_to_tensor(variable.value) for name, variable in _variables(model).items()
    }
    arrays: dict[str, np.ndarray] = {}
    document = {
        "epoch": position.epoch,
        "batch": position.batch,
        "history": {name: list(map(float, values)) for name, values in history.items()},
        "callbacks": nested.take_out(callback_states.states(callbacks), "callbacks", arrays),
        "training": dict(training),
    }
    return {**tensors, **{name: tf.constant(array) for name, array in arrays.items()}}, document


def require_same_training(model: Any, training: Mapping[str, str], saved: Saved) -> None:
    """Checks that a checkpoint is this training's.

    Args:
        model: As `capture` saw it.
        training: What this training is at its beginning.
        saved: The checkpoint.

    Raises:
        CheckpointError: Model, optimizer or loss are others; every difference is told.
    """
    differences = list(fingerprints.differences(training, saved.document["training"]))
    differences = differences or _shape_differences(model, saved)
    if differences:
        raise CheckpointError(
            f"{saved.path} is the checkpoint of another training ({'; '.join(differences)}): give "
            "an empty folder, or force it"
        )


def restore(model: Any, callbacks: Iterable[Any], saved: Saved) -> list[str]:
    """Brings variables and callbacks to the state that was saved.

    Args:
        model: As `capture` saw it.
        callbacks: Those of the `fit`, after their `on_train_begin`.
        saved: The checkpoint.

    Returns:
        Names of callbacks whose state is missing on one side.
    """
    for name, variable in _variables(model).items():
        if name in saved.tensors and not name.startswith("metrics/"):
            variable.assign(saved.tensors[name])
    states = nested.put_back(saved.document["callbacks"], saved.tensors)
    return callback_states.restore(callbacks, states)


def position(saved: Saved) -> Position:
    """Where the training stood."""
    return Position(saved.document["epoch"], saved.document["batch"])


def metrics(saved: Saved) -> tuple[np.ndarray, ...]:
    """The sums behind the metrics of the epoch that was cut, in the model's order."""
    found = {int(n.split("/")[1]): a for n, a in saved.tensors.items() if n.startswith("metrics/")}
    return tuple(found[number] for number in sorted(found))


def _shape_differences(model: Any, saved: Saved) -> list[str]:
    here = {name: tuple(variable.shape) for name, variable in _variables(model).items()}
    there = {name: array.shape for name, array in saved.tensors.items() if _is_variable(name)}
    return [
        f"{name}: {here.get(name)} here, {there.get(name)} there"
        for name in sorted(here.keys() | there.keys())
        if here.get(name) != there.get(name) and not name.startswith("metrics/")
    ]


def _variables(model: Any) -> dict[str, Any]:
    # By number: automatic names count the models made before, which may differ without harm.
    groups = (model.variables, model.optimizer.variables, model.metrics_variables)
    return {
        f"{group}/{number}": variable
        for group, variables in zip(_GROUPS, groups, strict=True)
        for number, variable in enumerate(variables)
    }


def _is_variable(name: str) -> bool:
    return name.split("/")[0] in _GROUPS
