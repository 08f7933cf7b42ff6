"""A line of JSON an epoch."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tftrain.callbacks.resources import ResourceMonitor
from tftrain.errors import CallbackError
from tftrain.keras_api import keras


class MetricsLog(keras.callbacks.Callback):
    """Appends each epoch's metrics, learning rate and seconds to a file.

    A line is on disk before the checkpoint that holds its epoch; put it before the Checkpoint. Of
    an epoch that was cut, the seconds before the checkpoint it went on from are counted.

    Args:
        path: File to append to.
        clock: Seconds from any fixed moment.
        resources: A callback that comes before this one, whose figures are added.

    Raises:
        CallbackError: When the first epoch begins: `resources` does not come before this one.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.perf_counter,
        resources: ResourceMonitor | None = None,
    ) -> None:
        super().__init__()
        self._path = path
        self._clock = clock
        self._resources = resources
        self._started: float | None = None
        self._before = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begins with no epoch under way."""
        self._started, self._before = None, 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the epoch's clock."""
        if self._resources is not None and self._resources.epoch != epoch:
            raise CallbackError(
                "the ResourceMonitor that MetricsLog is to read has not begun this epoch: put it "
                "before MetricsLog in callbacks="
            )
        self._started = self._clock()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the line."""
        line = {
            "epoch": epoch + 1,
            **{name: _number(value) for name, value in (logs or {}).items()},
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            "seconds": round(self._seconds(), 4),
        }
        if self._resources is not None:
            line["resources"] = {n: _rounded(v) for n, v in self._resources.last.items()}
        self._started, self._before = None, 0.0
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def checkpoint_state(self) -> dict[str, float]:
        """The seconds of the epoch under way."""
        return {"seconds": self._seconds()}

    def restore_checkpoint_state(self, state: dict[str, float]) -> None:
        """Counts them in."""
        self._before = state["seconds"]

    def _seconds(self) -> float:
        return self._before + (0.0 if self._started is None else self._clock() - self._started)


def _number(value: Any) -> float | None:
    """None for what JSON has no number for."""
    return float(value) if math.isfinite(value) else None


def _rounded(value: float) -> float:
    """Whole numbers where there are thousands of them, four digits elsewhere."""
    return round(value) if abs(value) >= 1000 else float(f"{value:.4g}")
