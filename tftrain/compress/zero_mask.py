"""The constraint that keeps zeros; a file of its own since its class needs Keras to be loaded."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np

from tftrain.keras_api import keras, tf


@keras.saving.register_keras_serializable("tftrain")
class KeepZeros(keras.constraints.Constraint):
    """Sets weights to zero wherever they were zero, after every update.

    Args:
        mask: A boolean array of the weight's shape, False where it is to stay zero.
    """

    def __init__(self, mask: Any) -> None:
        self._mask = np.asarray(mask, dtype=bool)

    def __call__(self, weight: Any) -> Any:
        """The weight with its zeros."""
        weight = tf.convert_to_tensor(weight)
        return tf.where(self._mask, weight, tf.zeros((), weight.dtype))

    def get_config(self) -> dict[str, Any]:
        """The mask as text."""
        packed = zlib.compress(np.packbits(self._mask).tobytes())
        return {"shape": list(self._mask.shape), "bits": base64.b64encode(packed).decode()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> KeepZeros:
        """Reads the mask again."""
        bits = np.frombuffer(zlib.decompress(base64.b64decode(config["bits"])), np.uint8)
        shape = tuple(config["shape"])
        return cls(np.unpackbits(bits, count=int(np.prod(shape))).reshape(shape))
