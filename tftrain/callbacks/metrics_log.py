"""A line of JSON an epoch."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tftrain.keras_api import keras


class MetricsLog(keras.callbacks.Callback):
    """Appends each epoch's metrics, learning rate and seconds to a file.

    Args:
        path: File to append to.
        clock: Seconds from any fixed moment.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.perf_counter) -> None:
        super().__init__()
        self._path = path
        self._clock = clock

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the epoch's clock."""
        self._started = self._clock()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the line."""
        line = {
            "epoch": epoch + 1,
            **{name: _number(value) for name, value in (logs or {}).items()},
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            "seconds": round(self._clock() - self._started, 4),
        }
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")


def _number(value: Any) -> float | None:
    """None for what JSON has no number for."""
    return float(value) if math.isfinite(value) else None
