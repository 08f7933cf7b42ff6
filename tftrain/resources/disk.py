"""Room on a disk, and what is read and written."""

from __future__ import annotations

import os
from pathlib import Path

import psutil


class Disk:
    """The disk under a folder, and this process's traffic with any disk.

    Args:
        folder: Need not exist yet.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder).expanduser().absolute()
        self._process = psutil.Process()

    def begin(self) -> None:
        """Starts counting."""
        self._traffic = self._read_and_written()

    def sample(self) -> None:
        """Nothing: what counts is the end."""

    def figures(self, seconds: float) -> dict[str, float]:
        """Room left, and traffic since `begin`.

        Args:
            seconds: Since then.

        Returns:
            `disk_free_bytes` and `disk_bytes`, those that this user may write and all there are;
            `disk_read_bytes_per_second` and `disk_written_bytes_per_second` of this process,
            which reading from the file cache does not count in, where the system tells.
        """
        folder = next(each for each in (self._folder, *self._folder.parents) if each.is_dir())
        room = psutil.disk_usage(str(folder))
        figures: dict[str, float] = {"disk_free_bytes": room.free, "disk_bytes": room.total}
        before, now = self._traffic, self._read_and_written()
        if before is not None and now is not None:
            figures["disk_read_bytes_per_second"] = (now[0] - before[0]) / seconds
            figures["disk_written_bytes_per_second"] = (now[1] - before[1]) / seconds
        return figures

    def _read_and_written(self) -> tuple[int, int] | None:
        try:
            counted = self._process.io_counters()
        except (AttributeError, psutil.Error, OSError):  # not on macOS, nor in some sandboxes
            return None
        return counted.read_bytes, counted.write_bytes
