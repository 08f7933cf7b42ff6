"""How many floating-point operations a second this machine attains at best."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

from tftrain.keras_api import tf

_SIDES = (512, 1024, 2048, 4096, 8192)
_LONG_ENOUGH = 0.02  # seconds, for a product of which the call itself takes no part to speak of
_REPEATS = 3


@functools.cache
def peak_flops(dtype: str = "float32") -> float:
    """Measures it by products of square matrices, on the device where TensorFlow puts them.

    Sides are doubled from 512 until a product takes 20 ms; of four such the fastest counts. It
    takes a quarter of a second, once for each dtype in a process. What else runs on the machine
    makes it lower; data sheets of accelerators have figures to be given instead.

    Args:
        dtype: Of the matrices: that in which the model computes.

    Returns:
        Operations a second, a multiplication and an addition being two, on one device.
    """
    product = tf.function(lambda matrix: tf.reduce_sum(tf.matmul(matrix, matrix)))
    for side in _SIDES:
        matrix = tf.ones([side, side], dtype)
        product(matrix)  # what is traced and allocated once
        seconds = _seconds(product, matrix)
        if seconds >= _LONG_ENOUGH:
            break
    fastest = min(seconds, *(_seconds(product, matrix) for _ in range(_REPEATS)))
    return 2.0 * side**3 / fastest


def _seconds(product: Callable[[Any], Any], matrix: Any) -> float:
    started = time.perf_counter()
    product(matrix).numpy()  # waits for the device
    return time.perf_counter() - started
