"""A model's speed as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tftrain.evaluate.call_speed import CallSpeed
    from tftrain.evaluate.speed import Speed

_COLUMNS = "median ms   p95 ms   p99 ms  examples/s  calls  of peak"


def text(speed: Speed) -> str:
    """All of it."""
    return "\n".join([*_table(speed), "", *_facts(speed)])


def _table(speed: Speed) -> Iterator[str]:
    yield f"{'':8}  batch  {_COLUMNS}  model.predict ms"
    for row in speed.inference:
        yield f"answer    {_row(row)}  {row.predict_ms:16.3f}"
    if speed.training is not None:
        yield f"train     {_row(speed.training)}".rstrip()


def _row(row: CallSpeed) -> str:
    share = "" if row.utilization is None else f"{row.utilization:.1%}"
    return (
        f"{row.batch:5}  {row.median_ms:9.3f}  {row.p95_ms:7.3f}  {row.p99_ms:7.3f}  "
        f"{row.examples_per_second:10,.0f}  {row.calls:5}  {share:>7}"
    )


def _facts(speed: Speed) -> Iterator[str]:
    if speed.startup is not None:
        start = speed.startup
        yield (
            f"start-up    {start.seconds:.2f} s to the first answer: import "
            f"{start.import_seconds:.2f}, load {start.load_seconds:.2f}, "
            f"answer {start.first_answer_seconds:.2f}"
        )
    if speed.peak_memory_bytes is not None:
        megabytes = speed.peak_memory_bytes / 1e6
        yield f"memory      {megabytes:,.0f} MB at most, of a process that answers"
    if speed.flops_per_example is None:
        yield "operations  cannot be counted: the model loops or branches"
    else:
        yield (
            f"operations  {speed.flops_per_example:,.0f} an example in training, a third of that "
            "in answering"
        )
    yield f"peak        {speed.peak_flops / 1e9:,.1f} billion operations a second"
