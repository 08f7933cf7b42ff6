"""What a process uses of its machine, with all that it has started."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any

import psutil

_TOLERANCE = 5.0  # seconds by which a start may seem to move when the clock is set


def is_alive(pid: int, started: float) -> bool:
    """Whether the process that was started then is still there; its number may be another's."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < _TOLERANCE
        return same and process.status() != psutil.STATUS_ZOMBIE
    return False


def started_at(pid: int) -> float:
    """When a process was started, by the clock."""
    return psutil.Process(pid).create_time()


class Usage:
    """Looks at a process now and then.

    Args:
        pid: Its number.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._seen: tuple[float, float, dict[str, int]] | None = None

    def look(self) -> dict[str, Any]:
        """What it uses, and has used since the look before.

        Returns:
            `memory_bytes`, resident; `cores`, those it may run on; `network_space`, which tells
            network namespaces apart. From the second look on also `cpu_cores`, cores' worth of
            processor time; `received`, `sent` and `loopback`, bytes a second of all processes in
            its network namespace, since those of one process are not told. Empty if it is gone.
        """
        try:
            leader = psutil.Process(self._pid)
            tree = [leader, *leader.children(recursive=True)]
            used = sum(map(_cpu_seconds, tree))
            figures = {"memory_bytes": sum(map(_resident, tree)), "cores": _cores(leader)}
        except psutil.Error:
            return {}
        now, traffic = time.monotonic(), _traffic(self._pid)
        figures["network_space"] = _network_space(self._pid)
        if self._seen is not None and now > self._seen[0]:
            since, used_before, traffic_before = self._seen
            figures["cpu_cores"] = max(0.0, used - used_before) / (now - since)
            for name in traffic.keys() & traffic_before.keys():
                figures[name] = max(0, traffic[name] - traffic_before[name]) / (now - since)
        self._seen = now, used, traffic
        return figures


def _cpu_seconds(process: psutil.Process) -> float:
    """Of the process, and of those it has started that have ended."""
    with contextlib.suppress(psutil.Error):
        times = process.cpu_times()
        ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        return times.user + times.system + ended
    return 0.0


def _resident(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return process.memory_info().rss
    return 0


def _cores(process: psutil.Process) -> int:
    try:
        return len(process.cpu_affinity())
    except (AttributeError, psutil.Error):  # macOS has none
        return os.cpu_count() or 1


def _traffic(pid: int) -> dict[str, int]:
    """Bytes that its network namespace has received and sent, and that went within it."""
    try:
        lines = Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]
    except OSError:  # not on Linux, or it has ended
        return {}
    totals = {"received": 0, "sent": 0, "loopback": 0}
    for line in lines:
        name, _, counters = line.partition(":")
        received, sent = (int(counters.split()[place]) for place in (0, 8))
        if name.strip() == "lo":
            totals["loopback"] += sent
        else:
            totals["received"] += received
            totals["sent"] += sent
    return totals


def _network_space(pid: int) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/ns/net")
    return ""
