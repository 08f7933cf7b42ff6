"""How long a training step takes, without training the model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from tftrain.errors import EvaluationError
from tftrain.evaluate.call_speed import CallSpeed
from tftrain.keras_api import keras


class TrainingSpeed(CallSpeed):
    """How fast steps of training are: `model.train_on_batch` on a batch at hand.

    Reading and augmenting data is not in it, nor what faster engines save.
    """


def check_trainable(model: keras.Model) -> None:
    """Raises EvaluationError if the model has no optimizer and loss to take steps with."""
    if not getattr(model, "compiled", False) or getattr(model, "optimizer", None) is None:
        raise EvaluationError(
            ["training steps are to be timed, but the model is not compiled: compile it, or "
             "leave out train="]
        )  # fmt: skip


def step(model: keras.Model, x: Any, y: Any) -> Callable[[], Any]:
    """A step on the batch, to be called where the state is kept."""
    return lambda: model.train_on_batch(x, y)


@contextlib.contextmanager
def state_kept(model: keras.Model) -> Iterator[None]:
    """Whatever steps the block takes, the model is afterwards what it was.

    Weights, optimizer, metrics and the state of random layers are put back, and so are the
    programs that Keras has traced.
    """
    model.optimizer.build(model.trainable_variables)
    known = _variables(model)
    values = [variable.numpy() for variable in known]
    traced = model.train_function
    try:
        yield
    finally:
        for variable, value in zip(known, values, strict=True):
            variable.assign(value)
        if len(_variables(model)) > len(known):  # the loss's and the metrics', made by a step
            model.reset_metrics()
        model.train_function = traced


def _variables(model: keras.Model) -> list[Any]:
    everything = (*model.variables, *model.metrics_variables, *model.optimizer.variables)
    return list({id(variable): variable for variable in everything}.values())
