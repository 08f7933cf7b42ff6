"""What stands in the way of a conversion and can be seen without one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tftrain.errors import CompressionError
from tftrain.litert import four_bits
from tftrain.portable_layers import all_layers

_TFMOT = "tensorflow_model_optimization."


def check(model: Any, quantization: str | None, representative: Any) -> None:
    """Checks a built model.

    Args:
        model: Of Keras 3 or tf_keras.
        quantization: A mode's name.
        representative: What was given as such data.

    Raises:
        CompressionError: It cannot be converted; all the reasons.
    """
    problems = [*broken_weights(model), *_quantized_layers(model)]
    if quantization == "int8" and representative is None and not is_quantization_aware(model):
        problems.append(
            "mode 'int8' needs representative data to learn the ranges of activations from: give "
            "representative=, some hundred examples of the inputs, prepared as for training"
        )
    if quantization == "int4" and not four_bits.is_installed():
        problems.append(
            "mode 'int4' needs LiteRT's quantizer, which is not installed: "
            "pip install 'tftrain[int4]'"
        )
    if problems:
        raise CompressionError(problems)


def broken_weights(model: Any) -> Iterator[str]:
    """Which weights are no numbers, in full sentences."""
    for weight in model.weights:
        values = np.asarray(weight)
        if values.dtype.kind not in "biuS" and not np.isfinite(values.astype("float32")).all():
            path = getattr(weight, "path", weight.name)
            yield f"{path!r} holds NaN or infinite weights: train the model again"


def _quantized_layers(model: Any) -> Iterator[str]:
    for layer in all_layers(model):
        if mode := getattr(layer, "quantization_mode", None):
            yield (
                f"layer {layer.name!r} was quantized by Keras ({mode}), in a form that LiteRT has "
                "not: convert the model as it was before model.quantize"
            )


def is_quantization_aware(model: Any) -> bool:
    """Whether tfmot has trained it to be quantized, so that it knows its ranges."""
    modules = (type(layer).__module__ for layer in all_layers(model))
    return any(module.startswith(_TFMOT) and ".quantization." in module for module in modules)


def recurrent(model: Any) -> list[str]:
    """Names of the layers that loop over steps."""
    return [layer.name for layer in all_layers(model) if getattr(layer, "unroll", None) is False]
