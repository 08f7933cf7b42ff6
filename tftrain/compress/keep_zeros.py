"""Zeros that stay zero when a pruned model trains on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tftrain.compress.weight_patterns import has_zeros
from tftrain.errors import CompressionError
from tftrain.keras_api import keras

if TYPE_CHECKING:
    from tftrain.compress.zero_mask import KeepZeros

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
    is saved with the model; a process that loads it calls `tftrain.compress.register()` before.
    Only layers of attention do not write it down: call this again on those after loading.

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
    from tftrain.compress.zero_mask import KeepZeros  # loads Keras

    layers = [one for one in model._flatten_layers() if not list(one._flatten_layers())[1:]]
    found = [
        (layer, variable, values)
        for layer in layers
        for variable in layer.trainable_variables
        if (values := np.asarray(variable)).ndim > 1 and has_zeros(values)
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
