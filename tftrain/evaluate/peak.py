"""What the machine can do at best, seen at the very times at which a model is timed."""

from __future__ import annotations

from collections.abc import Callable

from tftrain.keras_api import tf

_SIDE = 512  # a few milliseconds on a few cores: short enough to find them free on a busy machine


class Product:
    """A product of two matrices to be called in turns; its fastest call tells the peak.

    `tftrain.resources.peak_flops` looks at one moment. On a machine that was busy just then, a
    model would seem to do more than the machine can.

    Args:
        dtype: Of the matrices: that in which the model computes.
        clock: Gives the time in seconds.
    """

    def __init__(self, dtype: str, clock: Callable[[], float]) -> None:
        self._product = tf.function(lambda matrix: tf.reduce_sum(tf.matmul(matrix, matrix)))
        self._matrix, self._clock = tf.ones([_SIDE, _SIDE], dtype), clock
        self._fastest = float("inf")

    def __call__(self) -> None:
        """Multiplies."""
        started = self._clock()
        self._product(self._matrix).numpy()  # waits for the device
        self._fastest = min(self._fastest, self._clock() - started)

    @property
    def flops(self) -> float:
        """Operations a second of the fastest call; 0 before the first."""
        return 2.0 * _SIDE**3 / self._fastest
