"""A Keras 3 model's twin in tf_keras, on which tfmot works, and the way back."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from tftrain.compress import layer_graphs
from tftrain.compress.layer_translation import Translation
from tftrain.compress.model_kinds import KERAS, TF_KERAS
from tftrain.compress.sample_inputs import sample_inputs
from tftrain.errors import CompressionError
from tftrain.keras_api import keras, tf
from tftrain.litert.model_checks import broken_weights

TOLERANCE = 1e-5
_TOLERANCE_MIXED = 2e-2  # of half precision, whose operations round in another order

_WEIGHTS_RENAMED = {"depthwise_kernel": "kernel"}  # of DepthwiseConv, in tf_keras


@dataclasses.dataclass(frozen=True)
class Twin:
    """A model and its twin.

    Attributes:
        source: The model given.
        model: The twin: flat, with the layers of nested models under names of their own.
        layers: Layers of the source, in order, by the names of the twin's layers.
    """

    source: Any
    model: Any
    layers: dict[str, Any]


def to_tf_keras(model: keras.Model, *, single_precision: bool = False) -> Twin:
    """Converts a Keras 3 model for tfmot.

    The twin has the same weights (copies) and trainable flags, and gives the same outputs: both
    are tried on random inputs. It is not compiled. Made under the strategy whose scope is open.

    Args:
        model: Functional or Sequential, built; with nested models if you like.
        single_precision: Whether layers that compute in half precision do so in the twin as well,
            or in float32.

    Raises:
        CompressionError: It cannot be converted, every layer in the way with its reason; or the
            twin's outputs differ by more than 1e-5 of the largest output (0.02 in half
            precision).

    Example:
        >>> from tftrain import models
        >>> twin = to_tf_keras(models.mlp((8, 8, 1), hidden=(16,)))
        >>> [layer.name for layer in twin.model.layers][1:]
        ['flatten', 'hidden_1', 'dropout_1', 'probabilities']
    """
    if broken := list(broken_weights(model)):
        raise CompressionError(broken)
    translation = Translation(KERAS, TF_KERAS, single_precision=single_precision)
    twin, graph, layers = _converted(model, KERAS, translation)
    return Twin(model, twin, {graph.names[id(one)]: one for one in layers})


def to_keras(model: Any) -> keras.Model:
    """Converts a tf_keras model to Keras 3, with weights and trainable flags.

    Args:
        model: A Functional or Sequential tf_keras model without tfmot's wrappers.

    Returns:
        A Functional model that gives the same outputs; it is not compiled.

    Raises:
        CompressionError: As for `to_tf_keras`.
    """
    return _converted(model, TF_KERAS, Translation(TF_KERAS, KERAS))[0]


def _converted(model: Any, source: Any, translation: Translation) -> tuple[Any, Any, list[Any]]:
    graph = layer_graphs.read(model, source)
    layers = graph.layers()
    problems = [found for layer in layers if (found := translation.problem(layer))]
    if problems:
        raise CompressionError(problems)
    converted, made = layer_graphs.rebuild(graph, translation.target, translation.layer)
    for layer, other in zip(layers, made, strict=True):
        _copy(layer, other)
    _require_same_outputs(model, converted, graph)
    return converted, graph, layers


def _copy(layer: Any, other: Any) -> None:
    """Copies weights and the trainable flag."""
    other.trainable = layer.trainable
    ours, theirs = list(map(_signature, layer.weights)), list(map(_signature, other.weights))
    if ours != theirs:
        raise CompressionError(
            [f"layer {layer.name!r} has weights {ours}, its twin {theirs}: this is a defect"]
        )
    other.set_weights(layer.get_weights())


def _signature(variable: Any) -> tuple[str, tuple[int, ...]]:
    name = variable.name.split(":")[0].split("/")[-1]
    return _WEIGHTS_RENAMED.get(name, name), tuple(variable.shape)


def _require_same_outputs(model: Any, converted: Any, graph: layer_graphs.Graph) -> None:
    inputs = sample_inputs(graph)
    expected, received = (_outputs(one, inputs) for one in (model, converted))
    tolerance = TOLERANCE if _is_single_precision(graph) else _TOLERANCE_MIXED
    for number, (one, other) in enumerate(zip(expected, received, strict=True)):
        scale = max(1.0, float(np.abs(one).max()))
        difference = float(np.abs(one - other).max()) / scale
        if not difference <= tolerance:
            raise CompressionError(
                [
                    f"output {number} of the converted model differs by {difference:.1e} of "
                    f"the largest value on random inputs, more than {tolerance:.0e}"
                ]
            )


def _outputs(model: Any, inputs: Any) -> list[np.ndarray]:
    outputs = model(tf.nest.map_structure(tf.constant, inputs), training=False)
    return [tf.cast(output, "float32").numpy() for output in tf.nest.flatten(outputs)]


def _is_single_precision(graph: layer_graphs.Graph) -> bool:
    return all(layer.compute_dtype in ("float32", "float64") for layer in graph.layers())
