"""How busy other programs kept the machine while one was measured."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path
from types import TracebackType

STAT = Path("/proc/stat")


class OtherLoad:
    """A context in which child processes run and end; `cores` are those that others used.

    What else happens is read from Linux's counters; elsewhere `cores` is None.

    Example:
        >>> with OtherLoad() as load:
        ...     subprocess.run(["true"])
        >>> load.cores
        0.03
    """

    cores: float | None = None

    def __enter__(self) -> OtherLoad:
        self._before = _seconds()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if STAT.exists():
            wall, busy, own = (
                now - then for now, then in zip(_seconds(), self._before, strict=True)
            )
            self.cores = max(0.0, busy - own) / wall


def _seconds() -> tuple[float, float, float]:
    """Of the clock, of all cores busy or taken by the host, of this process and its children."""
    own = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        own += usage.ru_utime + usage.ru_stime
    if not STAT.exists():
        return time.monotonic(), 0.0, own
    user, nice, system, _idle, _wait, irq, softirq, steal, *_ = map(
        int, STAT.read_text().split("\n", 1)[0].split()[1:]
    )
    ticks = user + nice + system + irq + softirq + steal
    return time.monotonic(), ticks / os.sysconf("SC_CLK_TCK"), own
