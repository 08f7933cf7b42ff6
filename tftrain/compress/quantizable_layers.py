"""Which layers tfmot's quantization-aware training covers."""

from __future__ import annotations

from typing import Any

from tftrain.compress import layer_graphs
from tftrain.compress.model_kinds import TF_KERAS
from tftrain.compress.tf_keras_api import default_8bit_quantize_registry, tf_keras
from tftrain.keras_api import tf

# Activations inside a layer for which tfmot knows where the integers of LiteRT begin and end.
_ACTIVATIONS = ("linear", "relu", "softmax", "sigmoid", "tanh", "swish", "gelu")

_REMEDY = (
    "leave it in floats by skip=[{name!r}], or take quantize(mode='dynamic'), which covers every "
    "layer and needs no training"
)


class QuantizableLayers:
    """The layers of a tf_keras model, and why some of them cannot be quantized.

    Args:
        model: A flat Functional model.
    """

    def __init__(self, model: Any) -> None:
        self._graph = layer_graphs.read(model, TF_KERAS)
        self._registry = default_8bit_quantize_registry.Default8BitQuantizeRegistry()
        self._layers = {layer.name: layer for layer in self._graph.layers()}
        self._reasons = {name: self._reason(layer) for name, layer in self._layers.items()}

    def able(self) -> list[str]:
        """Names of the layers with weights that can be quantized."""
        return [name for name in self._weighted() if not self._reasons[name]]

    def problems(self, skip: Any) -> list[str]:
        """Why layers with weights cannot be quantized, but for those left out."""
        return [
            f"layer {name!r} {self._reasons[name]}: {_REMEDY.format(name=name)}"
            for name in self._weighted()
            if self._reasons[name] and name not in skip
        ]

    def weightless(self, able: bool) -> list[str]:
        """Names of layers without weights that can, or cannot, be quantized."""
        return [
            name
            for name, layer in self._layers.items()
            if not layer.weights and able is not bool(self._reasons[name])
        ]

    def _weighted(self) -> list[str]:
        return [name for name, layer in self._layers.items() if layer.weights]

    def _reason(self, layer: Any) -> str | None:
        kind = type(layer).__name__
        if len(self._calls(layer)) > 1 and layer.weights:
            return "is used in several places, which quantization-aware training does not cover"
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            return self._reason_of_normalization(layer)
        if not self._registry.supports(layer):
            return f"is a {kind}, which quantization-aware training does not cover"
        activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
        if activation not in _ACTIVATIONS:
            return f"has the activation {activation!r}; expected one of {', '.join(_ACTIVATIONS)}"
        return None

    def _reason_of_normalization(self, layer: Any) -> str | None:
        """It becomes a part of the layer before, if that computes sums of products."""
        (call,) = self._calls(layer)
        before = [one for one in self._graph.calls if set(one.outputs) & set(_places(call))]
        kinds = ("Conv2D", "DepthwiseConv2D", "Dense")
        if len(before) == 1 and type(before[0].layer).__name__ in kinds:
            alone = sum(before[0].outputs[0] in _places(one) for one in self._graph.calls) == 1
            if alone and before[0].layer.activation is tf_keras.activations.linear:
                return None
        return (
            f"is a BatchNormalization; expected it right behind a {', '.join(kinds)} without "
            "activation"
        )

    def _calls(self, layer: Any) -> list[Any]:
        return [call for call in self._graph.calls if call.layer is layer]


def _places(call: Any) -> list[Any]:
    return tf.nest.flatten((call.args, call.kwargs))
