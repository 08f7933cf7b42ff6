"""Plain Keras models, ready to compile, and the names the command line knows them by."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from tftrain.errors import BadInput, UnknownName
from tftrain.keras_api import keras
from tftrain.models.convolutional import cnn
from tftrain.models.feedforward import linear, mlp
from tftrain.models.multi_task import learn_task_weights, multi_task
from tftrain.models.recurrent import rnn

__all__ = [
    "by_name",
    "check_dropout",
    "check_name",
    "cnn",
    "learn_task_weights",
    "linear",
    "mlp",
    "multi_task",
    "names",
    "register",
    "rnn",
]

_BUILDERS: dict[str, Callable[..., keras.Model]] = {
    "cnn": cnn,
    "linear": linear,
    "mlp": mlp,
    "rnn": rnn,
}


def names() -> tuple[str, ...]:
    """The known names.

    Example:
        >>> names()
        ('cnn', 'linear', 'mlp', 'rnn')
    """
    return tuple(_BUILDERS)


def check_name(name: str) -> None:
    """Raises UnknownName unless `name` is one of `names()`."""
    if name not in _BUILDERS:
        raise UnknownName("model", name, _BUILDERS)


def check_dropout(name: str, dropout: float | None) -> None:
    """Checks the dropout of a model by name; None is always right.

    Raises:
        BadInput: It is not in [0, 1), or the model has no dropout.
    """
    if dropout is None:
        return
    having = [
        known
        for known, builder in _BUILDERS.items()
        if "dropout" in inspect.signature(builder).parameters
    ]
    if name not in having:
        raise BadInput(f"dropout is {dropout}, but {name} has none; {', '.join(having)} have")
    if not 0 <= dropout < 1:
        raise BadInput(f"dropout is {dropout}; expected at least 0 and less than 1")


def by_name(
    name: str, input_shape: Sequence[int], classes: int, *, dropout: float | None = None
) -> keras.Model:
    """A model by name, with its default sizes.

    Args:
        name: One of `names()`.
        input_shape: Shape of one example, without the batch.
        classes: Number of classes.
        dropout: Share dropped while training, in [0, 1); None takes the model's own.

    Raises:
        UnknownName: No such model.
        BadInput: The dropout is out of range, or the model has none.
    """
    check_name(name)
    check_dropout(name, dropout)
    options: dict[str, Any] = {} if dropout is None else {"dropout": dropout}
    return _BUILDERS[name](input_shape, classes=classes, **options)


def register() -> None:
    """Makes Keras know models that weigh their tasks, so that it can load them.

    To be called before `keras.models.load_model` in a program that makes none itself; the `tftrain`
    command does.
    """
    from tftrain.models import weighted_tasks  # noqa: F401 - registers
