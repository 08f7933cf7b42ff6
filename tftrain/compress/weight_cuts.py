"""Cutting the weights of a trained model by their values alone, without training."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from tftrain.compress import layer_graphs
from tftrain.compress.chosen_layers import choose
from tftrain.compress.compile_translation import compile_alike
from tftrain.compress.model_kinds import KERAS
from tftrain.errors import CompressionError
from tftrain.keras_api import keras


def limit_weights(
    model: keras.Model,
    magnitude: float,
    *,
    only: Collection[str] | None = None,
    skip: Collection[str] = (),
) -> keras.Model:
    """A copy whose kernels lie within `[-magnitude, magnitude]`; larger ones are set to the limit.

    This makes no model smaller by itself, but narrows the range that quantization has to cover.

    Args:
        model: Of Keras 3, built. It is left as it is.
        magnitude: The largest, positive.
        only: Names of the layers concerned; None for all.
        skip: Names of layers to leave alone.

    Raises:
        CompressionError: The magnitude is not positive.

    Example:
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(3, use_bias=False)])
        >>> model.set_weights([np.array([[-2.0, 0.1, 1.0]])])
        >>> limit_weights(model, 0.5).get_weights()[0].tolist()
        [[-0.5, 0.10000000149011612, 0.5]]
    """
    _require_positive(magnitude)
    return restrict_weights(model, -magnitude, magnitude, only=only, skip=skip)


def restrict_weights(
    model: keras.Model,
    low: float,
    high: float,
    *,
    only: Collection[str] | None = None,
    skip: Collection[str] = (),
) -> keras.Model:
    """A copy whose kernels lie within `[low, high]`, a range that need not be symmetric.

    Args:
        model: Of Keras 3, built. It is left as it is.
        low: The smallest value.
        high: The largest, above `low`.
        only: Names of the layers concerned; None for all.
        skip: Names of layers to leave alone.

    Raises:
        CompressionError: The range is empty.
    """
    if not low < high:
        raise CompressionError([f"the range is {low} to {high}; expected low below high"])
    return _cut(model, lambda kernel: np.clip(kernel, low, high), only, skip)


def threshold_weights(
    model: keras.Model,
    magnitude: float,
    *,
    only: Collection[str] | None = None,
    skip: Collection[str] = (),
) -> keras.Model:
    """A copy whose kernels have zeros instead of everything smaller than a magnitude.

    What `prune` does to a share of the weights, done to a range of values at once. Zeros make the
    compressed file smaller; without training on, accuracy suffers sooner than by `prune`.

    Args:
        model: Of Keras 3, built. It is left as it is.
        magnitude: Below which weights become zero, positive.
        only: Names of the layers concerned; None for all.
        skip: Names of layers to leave alone.

    Raises:
        CompressionError: The magnitude is not positive.

    Example:
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(3, use_bias=False)])
        >>> model.set_weights([np.array([[-2.0, 0.1, 1.0]])])
        >>> threshold_weights(model, 0.5).get_weights()[0].tolist()
        [[-2.0, 0.0, 1.0]]
    """
    _require_positive(magnitude)
    return _cut(model, lambda kernel: np.where(np.abs(kernel) < magnitude, 0.0, kernel), only, skip)


def _require_positive(magnitude: float) -> None:
    if not 0 < magnitude < float("inf"):
        raise CompressionError([f"magnitude is {magnitude}; expected a positive number"])


def _cut(
    model: keras.Model,
    cut: Callable[[np.ndarray], np.ndarray],
    only: Collection[str] | None,
    skip: Collection[str],
) -> keras.Model:
    graph = layer_graphs.read(model, KERAS)
    layers = graph.layers()
    names = [graph.names[id(layer)] for layer in layers]
    able = [graph.names[id(layer)] for layer in layers if any(map(_is_kernel, layer.weights))]
    chosen = choose(able, names, only=only, skip=skip, what="cut")
    copy = keras.models.clone_model(model)
    if model.compiled:
        compile_alike(copy, model)
    copied = layer_graphs.read(copy, KERAS).layers()
    for name, source, target in zip(names, layers, copied, strict=True):
        cuts = [name in chosen and _is_kernel(variable) for variable in source.weights]
        values = source.get_weights()
        target.set_weights(
            [cut(value) if wanted else value for value, wanted in zip(values, cuts, strict=True)]
        )
    return copy


def _is_kernel(variable: Any) -> bool:
    return len(variable.shape) > 1
