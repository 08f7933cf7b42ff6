"""How much memory is used, and how near that is to what may be used."""

from __future__ import annotations

import psutil

from tftrain.control_groups import ControlGroups


class Memory:
    """Memory of this process, and of all that shares its limit.

    Args:
        groups: What the process is limited by.
    """

    def __init__(self, groups: ControlGroups) -> None:
        self._process, self._groups = psutil.Process(), groups

    def begin(self) -> None:
        """Starts looking for the peak."""
        self._peak, self._share = 0, 0.0
        self.sample()

    def sample(self) -> None:
        """Looks at it."""
        self._resident = self._process.memory_info().rss
        used, self._limit = self._used_of()
        self._peak = max(self._peak, self._resident)
        self._share = max(self._share, used / self._limit)

    def figures(self, seconds: float) -> dict[str, float]:
        """What samples since `begin` have seen.

        Args:
            seconds: Since then.

        Returns:
            `memory_bytes`, resident memory of this process at the end, and `memory_peak_bytes`;
            `memory_share`, the largest share of `memory_limit_bytes` that was in use, by
            whomever: of the machine's memory, or of a control group's if that is fuller.
        """
        self.sample()
        return {
            "memory_bytes": self._resident,
            "memory_peak_bytes": self._peak,
            "memory_limit_bytes": self._limit,
            "memory_share": self._share,
        }

    def _used_of(self) -> tuple[int, int]:
        machine = psutil.virtual_memory()
        found = [(machine.total - machine.available, machine.total)]
        group = self._groups.memory()
        if group is not None and group.limit < machine.total:
            found.append((group.used, group.limit))
        return max(found, key=lambda each: each[0] / each[1])
