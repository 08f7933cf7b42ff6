"""Quantization after training: a trained model as a small LiteRT model."""

from __future__ import annotations

from typing import Any

from tftrain import litert
from tftrain.errors import UnknownName
from tftrain.keras_api import keras


def quantize(
    model: keras.Model,
    mode: str = "dynamic",
    *,
    representative: Any = None,
    integer_io: bool = False,
    seed: int = 0,
) -> litert.LiteModel:
    """Converts a trained model to a LiteRT model of smaller numbers, and compares the two.

    They are compared on the representative examples, or on random ones without (see
    `litert.require_alike` for what is demanded).

    Args:
        model: Functional, Sequential, or subclassed with one input; built, of Keras 3 or
            tf_keras.
        mode: "dynamic", 8-bit weights with activations in float, needs nothing else; "float16",
            half the size; "int8", integers throughout (B. Jacob et al.: Quantization and training
            of neural networks for efficient integer-arithmetic-only inference, 2018,
            https://arxiv.org/abs/1712.05877); "int4", 4-bit weights with activations in float,
            needs the extra `tftrain[int4]`.
        representative: Examples of the inputs, prepared as for training, from which "int8" learns
            the ranges of activations: an array `[N, ...]` (several in a list or a dict), `(x, y)`,
            something with `.x`, or a batched dataset. Some hundred are taken.
        integer_io: With "int8": inputs and outputs are int8 too, for devices without floats.
            By default they are float32, so that the model is used like its source.
        seed: Of the choice of examples.

    Returns:
        The LiteRT model.

    Raises:
        CompressionError: It cannot be done; said before any work.
        UnknownName: There is no such mode.
        ConversionFailed: The converter crashed or gave up, or what it wrote answers otherwise.

    Example:
        >>> import tftrain
        >>> model = tftrain.models.mlp((8, 8, 1), hidden=(128,))
        >>> small = quantize(model, "dynamic")
        >>> round(litert.convert(model).size / small.size, 1) > 2
        True
    """
    if mode not in litert.MODES:
        raise UnknownName("quantization mode", str(mode), litert.MODES)
    return litert.converted_alike(model, mode, representative, integer_io=integer_io, seed=seed)
