"""The bound above which a loss is a spike: a multiple of the running median.

The median of a window is the robust measure of where its values lie: up to half of them may be
anything without moving it far (breakdown point 1/2; Hampel, *The influence curve and its role in
robust estimation*, 1974; running medians: Tukey, *Exploratory Data Analysis*, 1977). That large
trainings skip the batches of spikes is Chowdhery et al., *PaLM*, 2022, section 5.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tftrain.callbacks.traced_callback import state_variable
from tftrain.keras_api import tf

WINDOW = 32  # losses


class LossSpikes:
    """Finds losses above `factor` times the median of the last `WINDOW` that were not.

    Nothing is a spike until more than half of the window is filled, nor while the median is not
    positive.

    Args:
        factor: More than 1.
    """

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._losses = state_variable((WINDOW,))
        self.state = np.full(WINDOW, np.inf, np.float32)  # the median of too few is no bound

    @property
    def state(self) -> np.ndarray:
        """The losses, the oldest first, float32 `[WINDOW]`."""
        return tf.convert_to_tensor(self._losses).numpy()

    @state.setter
    def state(self, losses: np.ndarray) -> None:
        self._losses.assign(tf.constant(losses, tf.float32))

    def bound(self) -> Any:
        """The largest loss that is no spike, a float32 scalar; where the step is traced."""
        median = tf.sort(tf.convert_to_tensor(self._losses))[WINDOW // 2]
        return tf.where(median > 0, self._factor * median, np.float32(np.inf))

    def take_in(self, loss: Any, good: Any) -> None:
        """Moves the window on if `good`; where the step is traced."""
        losses = tf.convert_to_tensor(self._losses)
        self._losses.assign(tf.where(good, tf.concat([losses[1:], loss[None]], 0), losses))
