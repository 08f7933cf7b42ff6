"""tfmot's 8-bit scheme for quantization-aware training, keeping zeros and clusters.

tfmot has a scheme that keeps zeros and one that keeps clusters. But neither is applied to a layer
whose activation is a layer of its own, or whose output is concatenated; and where one layer has no
zeros, the others lose theirs. Here the plain 8-bit scheme gets what they add, layer by layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tftrain.compress.tf_keras_api import (
    default_8bit_quantize_layout_transform,
    default_8bit_quantize_registry,
    tf_keras,
    tfmot,
)
from tftrain.compress.weight_patterns import WeightPattern, pattern_of

_KERNELS = {
    "Dense": "kernel",
    "Conv2D": "kernel",
    "Conv2DTranspose": "kernel",
    "DepthwiseConv2D": "depthwise_kernel",
}

# Of a kernel: whether its zeros, and whether its clusters, are to be kept.
Choice = Callable[[str], tuple[bool, bool]]


class KeepingQuantizer(tfmot.quantization.keras.quantizers.Quantizer):
    """Quantizes a weight after its zeros and clusters have been laid on it.

    Args:
        inner: tfmot's quantizer for this kind of layer.
        centroids: Values of the clusters, `[clusters]`; None without any.
        pattern: What is kept.

    Attributes:
        settled: The variable itself has zeros and clusters, which need not be laid on it any more.
    """

    def __init__(self, inner: Any, centroids: np.ndarray | None, pattern: WeightPattern) -> None:
        self._inner, self._centroids, self._pattern = inner, centroids, pattern
        self.settled = False

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """Variables of the range, and of the clusters' values."""
        variables = self._inner.build(tensor_shape, name, layer)
        if self._centroids is not None:
            variables["centroids"] = layer.add_weight(
                f"{name}_centroids",
                shape=self._centroids.shape,
                initializer=tf_keras.initializers.Constant(self._centroids),
            )
        return variables

    def __call__(self, inputs: Any, training: Any, weights: dict[str, Any], **kwargs: Any) -> Any:
        """The weight as 8 bits hold it."""
        values = inputs if self.settled else self.kept(inputs, weights)
        return self._inner(values, training, weights, **kwargs)

    def kept(self, inputs: Any, weights: dict[str, Any]) -> Any:
        """The weight with its zeros and clusters, in floats."""
        return self._pattern.laid_on(inputs, weights.get("centroids"))

    def settle(self, variable: Any, weights: dict[str, Any]) -> None:
        """Puts zeros and clusters into the variable itself, and takes the range from there.

        Conversion then finds plain numbers; and the last update of the training, which came after
        the range was last taken, is not cut off.
        """
        variable.assign(self.kept(variable, weights))
        self.settled = True
        self._inner(variable, True, weights)

    def get_config(self) -> dict[str, Any]:
        """Nothing: what is kept is found in the weights again."""
        return {}


class KeepingScheme(tfmot.quantization.keras.QuantizeScheme):
    """tfmot's 8-bit scheme with `KeepingQuantizer`.

    Args:
        choice: What to keep of a layer, by its name.
    """

    def __init__(self, choice: Choice) -> None:
        self._choice = choice

    def get_layout_transformer(self) -> Any:
        """What joins layers as LiteRT does, and chooses how weights are quantized."""
        return _Layout(self._choice)

    def get_quantize_registry(self) -> Any:
        """How layers without weights are quantized."""
        return default_8bit_quantize_registry.Default8BitQuantizeRegistry()


class _Layout(default_8bit_quantize_layout_transform.Default8BitQuantizeLayoutTransform):
    def __init__(self, choice: Choice) -> None:
        self._choice = choice

    def apply(self, model: Any, layer_quantize_map: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        model, layer_quantize_map = super().apply(model, layer_quantize_map)
        for layer in model.layers:
            if layer.name in layer_quantize_map and type(layer).__name__ in _KERNELS:
                of_layer = layer_quantize_map[layer.name]
                of_layer["quantize_config"] = self._config(layer, of_layer.get("quantize_config"))
        return model, layer_quantize_map

    def _config(self, layer: Any, given: Any) -> Any:
        """Like the one given, but it always quantizes the weights."""
        config = default_8bit_quantize_registry.Default8BitQuantizeRegistry().get_quantize_config(
            layer
        )
        if type(given).__name__ == "NoOpQuantizeConfig":  # the activation comes in the next layer
            config.activation_attrs, config.quantize_output = [], False
        elif given is not None:
            config = given
        kernel = getattr(layer, _KERNELS[type(layer).__name__]).numpy()
        zeros, clusters = self._choice(layer.name)
        centroids = np.unique(kernel) if clusters else None
        pattern = pattern_of(kernel, centroids, keep_zeros=zeros)
        config.weight_quantizer = KeepingQuantizer(config.weight_quantizer, centroids, pattern)
        return config
