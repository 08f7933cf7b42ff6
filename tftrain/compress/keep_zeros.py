"""Zeros that stay zero when a pruned model trains on."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np

from tftrain.errors import CompressionError
from tftrain.keras_api import keras, tf


@keras.saving.register_keras_serializable("tftrain")
class KeepZeros(keras.constraints.Constraint):
    """Sets weights to zero wherever they were zero, after every update.

    Args:
        mask: A boolean array of the weight's shape, False where it is to stay zero.
    """

    def __init__(self, mask: Any) -> None:
        self._mask = np.asarray(mask, dtype=bool)

    def __call__(self, weight: Any) -> Any:
        """The weight with its zeros."""
        weight = tf.convert_to_tensor(weight)
        return tf.where(self._mask, weight, tf.zeros((), weight.dtype))

    def get_config(self) -> dict[str, Any]:
        """The mask as text."""
        packed = zlib.compress(np.packbits(self._mask).tobytes())
        return {"shape": list(self._mask.shape), "bits": base64.b64encode(packed).decode()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> KeepZeros:
        """Reads the mask again."""
        bits = np.frombuffer(zlib.decompress(base64.b64decode(config["bits"])), np.uint8)
        shape = tuple(config["shape"])
        return cls(np.unpackbits(bits, count=int(np.prod(shape))).reshape(shape))


# Where a layer keeps the constraint of a variable, by the variable's name.
_ATTRIBUTES = {
    "kernel": ("kernel_constraint", "depthwise_constraint"),
    "recurrent_kernel": ("recurrent_constraint",),
    "embeddings": ("embeddings_constraint",),
    "pointwise_kernel": ("pointwise_constraint",),
}


def keep_zeros(model: keras.Model) -> keras.Model:
    """Makes a pruned model keep its zeros in any training to come.

    Each trainable weight of two or more axes that has zeros gets the constraint `KeepZeros`. It
    is saved with the model; loading it needs `import tftrain.compress`. Only layers of attention
    do not write it down: call this again on those after loading.

    Args:
        model: Of Keras 3, built; it is changed.

    Returns:
        The same model.

    Raises:
        CompressionError: A weight has another constraint, or none has zeros.

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, use_bias=False)])
        >>> model.set_weights([np.array([[1.0, 0.0], [0.0, 1.0]])])
        >>> model.compile("sgd", "mse")
        >>> _ = keep_zeros(model).fit(np.ones((4, 2)), np.zeros((4, 2)), verbose=0)
        >>> (model.layers[0].kernel.numpy() == 0).tolist()
        [[False, True], [True, False]]
    """
    layers = [one for one in model._flatten_layers() if not list(one._flatten_layers())[1:]]
    found = [
        (layer, variable, values)
        for layer in layers
        for variable in layer.trainable_variables
        if (values := np.asarray(variable)).ndim > 1 and not values.all()
    ]
    if not found:
        raise CompressionError([f"no weight of {model.name!r} has zeros: prune it first"])
    taken = [
        f"{variable.path!r} has the constraint {type(variable.constraint).__name__} already"
        for _, variable, _ in found
        if not isinstance(variable.constraint, (KeepZeros, type(None)))
    ]
    if taken:
        raise CompressionError(taken)
    for layer, variable, values in found:
        _constrain(layer, variable, KeepZeros(values != 0))
    return model


def _constrain(layer: Any, variable: Any, constraint: KeepZeros) -> None:
    variable.constraint = constraint
    for attribute in _ATTRIBUTES.get(variable.name, ()):
        if hasattr(layer, attribute):
            setattr(layer, attribute, constraint)
