"""Activations that mean the same in Keras 3 and in tf_keras."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from tftrain.compress.tf_keras_api import tf_keras
from tftrain.errors import CompressionError
from tftrain.keras_api import keras

# Known to both under one name, and the same function in both.
SHARED = frozenset(
    {
        *("elu", "exponential", "gelu", "linear", "log_softmax", "mish", "relu", "selu"),
        *("sigmoid", "silu", "softmax", "softplus", "softsign", "swish", "tanh"),
    }
)

_PACKAGE = "tftrain"


def activation_for(layer: str, value: Any, back: bool) -> Any:
    """What the other library takes for an activation.

    Args:
        layer: The layer's name, for the message.
        value: As the layer's configuration has it.
        back: From tf_keras to Keras 3, not the other way.

    Raises:
        CompressionError: It is not one of Keras's own.
    """
    name = value["config"] if isinstance(value, Mapping) else value
    if name is None or name in SHARED:
        return name
    if back and isinstance(name, str) and name.startswith(f"{_PACKAGE}>"):
        return name.removeprefix(f"{_PACKAGE}>")
    if not back and isinstance(name, str) and hasattr(keras.activations, name):
        return _carried(name)
    raise CompressionError(
        [f"layer {layer!r} has the activation {name!r}; expected one of Keras's own, by name"]
    )


@functools.cache
def _carried(name: str) -> Callable[[Any], Any]:
    """Keras 3's function under a name that tf_keras can write down and read again."""
    function = getattr(keras.activations, name)

    def activation(x: Any) -> Any:
        return function(x)

    activation.__name__ = name
    return tf_keras.utils.register_keras_serializable(_PACKAGE, name)(activation)
