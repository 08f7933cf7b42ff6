"""A limit of the memory that a process and all it has started use.

Linux has no limit for that which fits: RLIMIT_AS counts addresses, of which TensorFlow reserves
several times what it uses, and control groups can be made by few users. So it is looked at.
"""

from __future__ import annotations

import time
from pathlib import Path

import psutil

_EVERY_SECS = 0.2
_CHILDREN_EVERY = 5  # looks; finding them takes longer than looking at them
_COUNTED = ("Pss_Anon", "Pss_Shmem", "SwapPss")


class MemoryLimit:
    """Looks at a process five times a second at most.

    What counts is memory that cannot be had back: pages of files are left out, pages that several
    of its processes share are counted once.

    Args:
        process: Its number.
        limit: Bytes.
    """

    def __init__(self, process: int, limit: int) -> None:
        self.limit = limit
        self._leader = psutil.Process(process)
        self._all = [self._leader]
        self._looks, self._next = 0, 0.0

    def excess(self) -> int | None:
        """Bytes in use if they are more than the limit; None if not, or if it is not yet time."""
        if time.monotonic() < self._next:
            return None
        self._next = time.monotonic() + _EVERY_SECS
        try:
            if self._looks % _CHILDREN_EVERY == 0:
                self._all = [self._leader, *self._leader.children(recursive=True)]
        except psutil.Error:  # it has ended
            return None
        self._looks += 1
        if sum(map(_resident, self._all)) <= self.limit:  # more than what counts, and quick
            return None
        used = sum(map(_counted, self._all))
        return used if used > self.limit else None


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def _counted(process: psutil.Process) -> int:
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended, is not ours, or the system has no such file
        return _resident(process)
    found = dict(line.split(":") for line in lines[1:])
    return sum(int(found[name].split()[0]) << 10 for name in _COUNTED if name in found)
