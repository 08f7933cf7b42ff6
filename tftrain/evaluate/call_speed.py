"""How long calls on batches of one size take, and what throughput that is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

from tftrain.latency import Latency

Kind = TypeVar("Kind", bound="CallSpeed")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CallSpeed:
    """How fast calls are that take a batch each.

    Attributes:
        batch: Examples a call.
        median_ms: Of a call.
        p95_ms: 95 of 100 calls take no longer.
        p99_ms: 99 of 100 take no longer; of fewer than 100, the slowest.
        examples_per_second: By the median.
        calls: How many were timed.
        utilization: Share of the machine's peak that they attain; None if the model's operations
            cannot be counted.
    """

    batch: int
    median_ms: float
    p95_ms: float
    p99_ms: float
    examples_per_second: float
    calls: int
    utilization: float | None


def timed(
    kind: type[Kind],
    taken: Latency,
    batch: int,
    utilization: Callable[[float], float | None],
    **further: Any,
) -> Kind:
    """What was timed.

    Args:
        kind: Of the calls.
        taken: Their latency.
        batch: Examples a call.
        utilization: Share of the machine's peak, by examples a second.
        **further: What this kind of calls has besides.
    """
    per_second = 1e3 * batch / taken.median
    return kind(
        batch=batch,
        median_ms=taken.median,
        p95_ms=taken.p95,
        p99_ms=taken.p99,
        examples_per_second=per_second,
        calls=taken.calls,
        utilization=utilization(per_second),
        **further,
    )
