"""Made inputs that a model can be tried on."""

from __future__ import annotations

from typing import Any

import numpy as np

from tftrain.compress.layer_graphs import Graph, Input
from tftrain.keras_api import tf

_ROWS = 4
_FREE_AXIS = 7


def sample_inputs(graph: Graph, seed: int = 0) -> Any:
    """Random inputs in the structure that the model takes.

    Real inputs are standard normal; integers lie below every vocabulary of the model. Where the
    model masks steps, the last ones of some rows are masked.

    Args:
        graph: The model's graph.
        seed: Of the numbers.

    Returns:
        Arrays of four rows each; free axes have seven entries.
    """
    random = np.random.default_rng(seed)
    layers = graph.layers()
    vocabulary = min((layer.input_dim for layer in layers if _is(layer, "Embedding")), default=2)
    masked = [layer.mask_value for layer in layers if _is(layer, "Masking")]
    arrays = [_array(entry, random, vocabulary, masked) for entry in graph.inputs]
    return tf.nest.pack_sequence_as(graph.input_structure, arrays)


def _is(layer: Any, kind: str) -> bool:
    return type(layer).__name__ == kind


def _array(
    entry: Input, random: np.random.Generator, vocabulary: int, masked: list[float]
) -> np.ndarray:
    rows, *rest = entry.batch_shape
    shape = [rows or _ROWS, *(_FREE_AXIS if size is None else size for size in rest)]
    dtype = tf.as_dtype(entry.dtype)
    if dtype.is_floating:
        array = random.standard_normal(shape)
    else:
        array = random.integers(0, max(vocabulary, 2), shape)
    if len(shape) > 1 and shape[1] > 2:
        padding = masked[0] if masked else 0
        if masked or not dtype.is_floating:
            array[::2, -2:] = padding
    return array.astype(dtype.as_numpy_dtype)
