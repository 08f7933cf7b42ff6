"""The modes of quantization, and what each tells the converter."""

from __future__ import annotations

import dataclasses
from typing import Any

from tftrain.errors import CompressionError, UnknownName
from tftrain.keras_api import tf


@dataclasses.dataclass(frozen=True)
class Mode:
    """A way to store and compute a model.

    Attributes:
        optimize: Whether weights are quantized.
        half: As float16 numbers.
        integers_only: Operations that have no integer form are refused.
        four_bits: Weights are quantized after the conversion, to four bits.
        tolerance: Largest difference from the source, as a share of the largest output; None
            where the outputs need only follow the source's.
    """

    optimize: bool = False
    half: bool = False
    integers_only: bool = False
    four_bits: bool = False
    tolerance: float | None = None

    def apply(self, converter: Any, calibrated: bool) -> None:
        """Sets up a `tf.lite.TFLiteConverter`.

        Args:
            converter: To be set up.
            calibrated: It is given examples; a model that knows its ranges is not.
        """
        if self.optimize:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if self.half:
            converter.target_spec.supported_types = [tf.float16]
        if self.integers_only and calibrated:
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]


_MODES = {
    None: Mode(tolerance=1e-5),
    "dynamic": Mode(optimize=True),
    "float16": Mode(optimize=True, half=True, tolerance=1e-2),
    "int8": Mode(optimize=True, integers_only=True),
    "int4": Mode(four_bits=True),
}
MODES = tuple(name for name in _MODES if name)


def mode(name: str | None) -> Mode:
    """The mode of this name; None for plain float32.

    Raises:
        UnknownName: There is none.
    """
    if name not in _MODES:
        raise UnknownName("quantization mode", str(name), MODES)
    return _MODES[name]


def check_integer_io(name: str | None, integer_io: bool) -> None:
    """Raises CompressionError where integers at the model's ends are asked of a float mode."""
    if integer_io and not mode(name).integers_only:
        raise CompressionError(
            [f"integer_io=True needs quantization 'int8'; the mode is {name!r}: leave it out"]
        )
