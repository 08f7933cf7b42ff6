"""Keras's optimizers by their names in the literature."""

from __future__ import annotations

from typing import Any

from tftrain.errors import BadInput, UnknownName
from tftrain.keras_api import keras

_CLASSES = {
    "adadelta": "Adadelta",
    "adagrad": "Adagrad",
    "adam": "Adam",
    "adamax": "Adamax",
    "adamw": "AdamW",
    "gd": "SGD",
    "nadam": "Nadam",
    "rmsprop": "RMSprop",
    "sgd": "SGD",
}


def names() -> tuple[str, ...]:
    """The known names."""
    return tuple(_CLASSES)


def check_name(name: str) -> None:
    """Raises UnknownName unless `name` is one of `names()`."""
    if name not in _CLASSES:
        raise UnknownName("optimizer", name, _CLASSES)


def optimizer(
    name: str, learning_rate: float | None = None, **options: Any
) -> keras.optimizers.Optimizer:
    """An optimizer by name.

    Args:
        name: One of `names()`; `gd` and `sgd` are the same rule, on whatever batch it is given.
        learning_rate: Positive; None takes Keras's default for that optimizer.
        **options: Passed to the Keras class, e.g. `momentum=0.9`.

    Raises:
        UnknownName: No such optimizer.
        BadInput: The learning rate is not positive.

    Example:
        >>> type(optimizer("adam", 0.002)).__name__
        'Adam'
    """
    check_name(name)
    if learning_rate is not None:
        if not learning_rate > 0:
            raise BadInput(f"learning_rate is {learning_rate}; expected a positive number")
        options["learning_rate"] = learning_rate
    return getattr(keras.optimizers, _CLASSES[name])(**options)
