"""Plain Keras models, ready to compile, and the names the command line knows them by."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tftrain.errors import UnknownName
from tftrain.keras_api import keras
from tftrain.models.convolutional import cnn
from tftrain.models.feedforward import linear, mlp
from tftrain.models.recurrent import rnn

__all__ = ["by_name", "check_name", "cnn", "linear", "mlp", "names", "rnn"]

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


def by_name(name: str, input_shape: Sequence[int], classes: int) -> keras.Model:
    """A model by name, with its default sizes.

    Raises:
        UnknownName: No such model.
    """
    check_name(name)
    return _BUILDERS[name](input_shape, classes=classes)
