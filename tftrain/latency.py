"""How long calls take: several programs in turns, told by median, 95th and 99th percentile.

Whatever else the machine does meanwhile falls on all of them alike, so that their ratios hold
where the figures themselves do not.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

from tftrain.errors import BadInput

Name = TypeVar("Name", bound=Hashable)

_WARM_UP = 3  # the first call may trace and allocate
_LEAST = 3  # timed calls a turn, however long they take


@dataclasses.dataclass(frozen=True)
class Latency:
    """How long one call takes, in milliseconds.

    Attributes:
        median: Of all timed calls.
        p95: 95 of 100 take no longer.
        p99: 99 of 100 take no longer; of fewer than 100 calls, none does.
        calls: How many were timed.
    """

    median: float
    p95: float
    p99: float
    calls: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latency:
        """Of the times of single calls.

        Example:
            >>> Latency.of([0.002, 0.001, 0.009])
            Latency(median=2.0, p95=9.0, p99=9.0, calls=3)
        """
        ordered = sorted(seconds)
        p95, p99 = (ordered[-(-share * len(ordered) // 100) - 1] for share in (95, 99))
        return cls(1e3 * statistics.median(ordered), 1e3 * p95, 1e3 * p99, len(ordered))


def measure(
    programs: Mapping[Name, Callable[[], object]],
    *,
    rounds: int = 10,
    seconds: float = 0.05,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[Name, Latency]:
    """Times programs in rounds; in each, every program has a turn, every other round backwards.

    A turn begins with a call that is not timed, since the program before has filled the caches.

    Args:
        programs: By name, or by what else tells them apart; a call returns when its work is done.
        rounds: How many turns each has.
        seconds: Length of a turn; it has at least three calls.
        clock: Gives the time in seconds.

    Returns:
        Latencies by the names of the programs.

    Raises:
        BadInput: No rounds, or turns without a length.

    Example:
        >>> ticks = iter(range(1000))
        >>> measure({"nothing": lambda: None}, rounds=2, seconds=1, clock=lambda: next(ticks))
        {'nothing': Latency(median=1000.0, p95=1000.0, p99=1000.0, calls=6)}
    """
    if rounds < 1 or not seconds > 0:
        raise BadInput(f"{rounds} rounds with turns of {seconds} s; expected 1 or more, above 0 s")
    for call in programs.values():
        for _ in range(_WARM_UP):
            call()
    taken: dict[Name, list[float]] = {name: [] for name in programs}
    for number in range(rounds):
        for name in programs if number % 2 == 0 else reversed(list(programs)):
            taken[name] += _turn(programs[name], seconds, clock)
    return {name: Latency.of(times) for name, times in taken.items()}


def _turn(call: Callable[[], object], seconds: float, clock: Callable[[], float]) -> list[float]:
    call()
    taken: list[float] = []
    end = clock() + seconds
    while True:
        started = clock()
        call()
        ended = clock()
        taken.append(ended - started)
        if ended >= end and len(taken) >= _LEAST:
            return taken
