"""Floating-point operations that a model needs for an example."""

from __future__ import annotations

import math
from typing import Any

from tftrain.keras_api import keras, quiet_logger, tf
from tftrain.whole_models import takes_whole_model

_ROWS = 8  # of the batch that is counted; as good as any other
_STEP = 3  # a step's operations by those of the forward pass
_HIDDEN = ("While", "If", "Case", "PartitionedCall", "CudnnRNN", "XlaCallModule", "PyFunc")


@takes_whole_model
def flops_per_example(model: Any, inputs: Any) -> float | None:
    """Operations of a training step, estimated as three times those of the forward pass.

    The forward pass is traced and counted by TensorFlow's profiler: a multiplication and an
    addition are two. `Einsum`, which it does not know, is counted from its equation. The backward
    pass takes twice as many, as it multiplies for inputs and for weights; the first layer's
    inputs need none, so the estimate is high for a model of a single layer. Loss, metrics,
    optimizer and activation functions are not counted.

    Args:
        model: Built.
        inputs: A structure of `tf.TensorSpec`s, `[B, ...]`, where only B may be unknown.

    Returns:
        The number for one example. None if parts of the model are hidden from the profiler: loops
        (LSTM, GRU and other recurrent layers, unless unrolled), branches, compiled functions; or
        if shapes are unknown.

    Reference: Kaplan et al., *Scaling Laws for Neural Language Models*, 2020, section 2.1, for
    the factor.

    Example:
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, use_bias=False)])
        >>> flops_per_example(model, tf.TensorSpec([None, 4], "float32"))  # 3 * 2 * 4 * 5
        120.0
    """
    specs = keras.tree.map_structure(_of_rows, inputs)
    if any(None in spec.shape for spec in keras.tree.flatten(specs)):
        return None
    graph = _forward_graph(model, specs)
    operations = graph.get_operations()
    if any(hidden in each.type for each in operations for hidden in _HIDDEN):
        return None
    sums = [_of_einsum(each) for each in operations if each.type == "Einsum"]
    return None if None in sums else _STEP * (_counted(graph) + sum(sums)) / _ROWS


def _of_rows(spec: Any) -> Any:
    return tf.TensorSpec([_ROWS, *spec.shape[1:]], spec.dtype)


def _forward_graph(model: Any, specs: Any) -> Any:
    def forward(inputs: Any) -> Any:
        return model(inputs, training=False)

    return tf.function(forward, autograph=False).get_concrete_function(specs).graph


def _counted(graph: Any) -> int:
    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder.float_operation()
    silent = profiler.ProfileOptionBuilder(options).with_empty_output().build()
    with quiet_logger():  # at the first call it says that its profiler is of version 1
        return profiler.profile(graph, options=silent).total_float_ops


def _of_einsum(operation: Any) -> float | None:
    """Two for every combination of the values of all axes."""
    terms = operation.get_attr("equation").decode().split("->")[0].split(",")
    sizes: dict[str, int | None] = {}
    for term, tensor in zip(terms, operation.inputs, strict=True):
        if "." in term:
            return None
        sizes.update(zip(term, tensor.shape, strict=True))
    return None if None in sizes.values() else 2.0 * math.prod(sizes.values())
