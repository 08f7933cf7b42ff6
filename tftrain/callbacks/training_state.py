"""The state of a training at one moment: what is saved of it, and how it is taken up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from tftrain.callbacks import callback_states, replica_values
from tftrain.checkpoints import Saved, nested
from tftrain.distribute.parameter_server import is_parameter_server
from tftrain.keras_api import tf

_GROUPS = ("model", "optimizer", "metrics")
METRICS = "metrics/"  # what names of their variables begin with


class Position(NamedTuple):
    """Where a training stands.

    Attributes:
        epoch: The epoch to go on with, from 0.
        batch: The first batch of it that was not trained on, from 0.
    """

    epoch: int
    batch: int


def capture(
    model: Any, callbacks: Iterable[Any], position: Position, history: Mapping[str, list[float]]
) -> tuple[dict[str, tf.Tensor], dict[str, Any]]:
    """What a checkpoint holds: tensors by name, and the rest.

    Every worker must call it together: reading some variables is a collective. They are read
    without being copied; see `CheckpointFolder.write`.

    Args:
        model: Compiled and built, with its optimizer.
        callbacks: Those of the `fit`.
        position: Where it stands.
        history: Losses and metrics of the epochs done.
    """
    strategy = model.distribute_strategy
    _wait_for_steps(model)
    tensors = {name: replica_values.read(v, strategy) for name, v in variables(model).items()}
    arrays: dict[str, np.ndarray] = {}
    document = {
        "epoch": position.epoch,
        "batch": position.batch,
        "history": {name: list(map(float, values)) for name, values in history.items()},
        "callbacks": nested.take_out(callback_states.states(callbacks), "callbacks", arrays),
        "replicas": strategy.num_replicas_in_sync,
    }
    return {**tensors, **{name: tf.constant(array) for name, array in arrays.items()}}, document


def restore(model: Any, saved: Saved, but: Iterable[Any] = ()) -> None:
    """Brings the variables of model and optimizer to what was saved.

    Those of which nothing of this shape was saved stay as they are.

    Args:
        model: As `capture` saw it.
        saved: The checkpoint.
        but: Variables to leave.
    """
    kept = {id(variable) for variable in but}
    for name, variable in variables(model).items():
        array = saved.tensors.get(name)
        if array is None or name.startswith(METRICS) or id(variable) in kept:
            continue
        if replica_values.fits(variable, array):
            replica_values.assign(variable, array, model.distribute_strategy)


def restore_callbacks(callbacks: Iterable[Any], saved: Saved) -> list[str]:
    """Brings callbacks to the state that was saved.

    Args:
        callbacks: Those of the `fit`, after their `on_train_begin`.
        saved: The checkpoint.

    Returns:
        Names of callbacks whose state is missing on one side.
    """
    states = nested.put_back(saved.document["callbacks"], saved.tensors)
    return callback_states.restore(callbacks, states)


def position(saved: Saved) -> Position:
    """Where the training stood."""
    return Position(saved.document["epoch"], saved.document["batch"])


def metrics(saved: Saved) -> tuple[np.ndarray, ...]:
    """The sums behind the metrics of the epoch that was cut, in the model's order."""
    found = {int(n.split("/")[1]): a for n, a in saved.tensors.items() if n.startswith(METRICS)}
    return tuple(found[number] for number in sorted(found))


def shape_differences(model: Any, saved: Saved) -> dict[str, list[str]]:
    """What does not fit of a checkpoint's `model` and `optimizer` variables, by group."""
    here = variables(model)
    there = {name: array for name, array in saved.tensors.items() if name.split("/")[0] in _GROUPS}
    return {
        group: [
            f"{name}: {_shape(here.get(name))} here, {_shape(there.get(name))} there"
            for name in sorted(here.keys() | there.keys())
            if name.startswith(f"{group}/") and not _fit(here.get(name), there.get(name))
        ]
        for group in _GROUPS[:2]
    }


def variables(model: Any) -> dict[str, Any]:
    """Every variable of a training, by a name that a restarted script gives it too."""
    # By number: automatic names count the models made before, which may differ without harm.
    groups = (model.variables, model.optimizer.variables, model.metrics_variables)
    return {
        f"{group}/{number}": variable
        for group, variables in zip(_GROUPS, groups, strict=True)
        for number, variable in enumerate(variables)
    }


def _wait_for_steps(model: Any) -> None:
    """Under parameter servers steps are under way, and their metrics not yet in the variables."""
    if is_parameter_server(model.distribute_strategy):
        model.train_function.finish()


def _fit(variable: Any, array: np.ndarray | None) -> bool:
    return variable is not None and array is not None and replica_values.fits(variable, array)


def _shape(of: Any) -> str:
    return "nothing" if of is None else str(tuple(of.shape))
