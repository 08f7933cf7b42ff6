"""How busy cores are."""

from __future__ import annotations

import os
import time

import psutil

from tftrain.control_groups import ControlGroups

try:
    import resource
except ImportError:  # Windows
    resource = None


class Processor:
    """Processor time of this process with its children, and of the machine.

    Args:
        groups: What the process is limited by.
    """

    def __init__(self, groups: ControlGroups) -> None:
        self._process = psutil.Process()
        self._children: list[psutil.Process] = []
        self.cores = min(_cores_allowed(), groups.cores() or float("inf"))

    def begin(self) -> None:
        """Starts counting."""
        self._seconds, self._machine = self._used(), psutil.cpu_times()

    def sample(self) -> None:
        """Looks for child processes, which takes milliseconds."""
        self._children = self._process.children(recursive=True)

    def figures(self, seconds: float) -> dict[str, float]:
        """What was used since `begin`.

        Args:
            seconds: Since then.

        Returns:
            `cores`, those that the process may use; `cpu_share`, how much of their time it used,
            with its children; `machine_cpu_share`, how busy all cores were by whomever.
        """
        used = max(0.0, self._used() - self._seconds)
        figures = {"cores": self.cores, "cpu_share": min(1.0, used / (seconds * self.cores))}
        machine = self._machine_share()
        return figures if machine is None else {**figures, "machine_cpu_share": machine}

    def _used(self) -> float:
        return time.process_time() + _ended_children() + sum(map(_seconds_of, self._children))

    def _machine_share(self) -> float | None:
        now = psutil.cpu_times()
        names = set(now._fields) - {"guest", "guest_nice"}  # contained in user and nice
        passed = {
            name: max(0.0, getattr(now, name) - getattr(self._machine, name)) for name in names
        }
        total = sum(passed.values())
        return 1 - (passed["idle"] + passed.get("iowait", 0.0)) / total if total else None


def _cores_allowed() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


def _ended_children() -> float:
    if resource is None:
        return 0.0
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _seconds_of(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:  # it has ended since
        return 0.0
    return times.user + times.system
