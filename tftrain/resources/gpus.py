"""Memory and use of GPUs.

Memory is what TensorFlow has given out to tensors. Use is asked of the driver through the package
nvidia-ml-py if it is installed; the share of time in which any kernel ran, not of what the GPU
could do. This has not been run on a GPU: its tests put other things in their place.
"""

from __future__ import annotations

import importlib
import os
import statistics
from typing import Any

from tftrain.keras_api import tf


class Gpus:
    """The GPUs that TensorFlow uses; without one there are no figures."""

    def __init__(self) -> None:
        self._names = [each.name.removeprefix("/device:") for each in _logical_gpus()]
        self._driver = _driver() if self._names else None
        self._handles = _handles(self._driver) if self._driver else []

    def begin(self) -> None:
        """Starts looking for the peak."""
        self._peak, self._busy = 0, []
        self.sample()

    def sample(self) -> None:
        """Looks at them."""
        if self._names:
            self._peak = max(self._peak, sum(map(_bytes_in_use, self._names)))
        for handle in self._handles:
            self._busy.append(self._driver.nvmlDeviceGetUtilizationRates(handle).gpu / 100)

    def figures(self, seconds: float) -> dict[str, float]:
        """What samples since `begin` have seen.

        Args:
            seconds: Since then.

        Returns:
            `gpu_memory_peak_bytes` of all together; `gpu_share`, how much of the time they were
            busy, on average, if the driver can be asked.
        """
        self.sample()
        figures: dict[str, float] = {"gpu_memory_peak_bytes": self._peak} if self._names else {}
        return {**figures, "gpu_share": statistics.fmean(self._busy)} if self._busy else figures


def _logical_gpus() -> list[Any]:
    return tf.config.list_logical_devices("GPU")


def _bytes_in_use(name: str) -> int:
    return tf.config.experimental.get_memory_info(name)["current"]


def _driver() -> Any:
    """NVIDIA's management library, ready to be asked; None if it is not there."""
    try:
        driver = importlib.import_module("pynvml")
        driver.nvmlInit()
    except Exception:  # its own errors are known only where it is installed
        return None
    return driver


def _handles(driver: Any) -> list[Any]:
    """Those of `CUDA_VISIBLE_DEVICES`; the driver itself knows nothing of that."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        count = driver.nvmlDeviceGetCount()
        return [driver.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
    return [_handle(driver, each.strip()) for each in chosen.split(",") if each.strip()]


def _handle(driver: Any, name: str) -> Any:
    if name.isdigit():
        return driver.nvmlDeviceGetHandleByIndex(int(name))
    return driver.nvmlDeviceGetHandleByUUID(name)
