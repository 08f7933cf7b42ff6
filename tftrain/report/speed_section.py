"""How fast the model trains, answers and starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from matplotlib.figure import Figure

from tftrain.report.pictures import drawn
from tftrain.report.sections import NOTHING, Section, Table

_COLUMNS = ("batch", "median, ms", "95%, ms", "99%, ms", "examples/s", "calls")
_STARTUP = (
    ("import_seconds", "starting: libraries"),
    ("load_seconds", "starting: loading the model"),
    ("first_answer_seconds", "starting: the first answer"),
)
_FIGURES: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("peak_memory_bytes", "most memory in use", lambda value: f"{value / 1e9:.2f} GB"),
    ("flops_per_example", "operations for an example", "{:,.0f}".format),
    ("peak_flops", "operations a second the machine can do", lambda v: f"{v / 1e9:,.1f} billion"),
    ("utilization", "of which training makes use", "{:.1%}".format),
)


def section(speed: Mapping[str, Any] | None, figure: Figure | None) -> Section | None:
    """What `tftrain evaluate --speed` found; None where it was not measured.

    Args:
        speed: That section of evaluation.json.
        figure: Latencies, drawn.
    """
    if not speed:
        return None
    rows = [_row(one) for one in speed.get("inference") or ()]
    return Section(
        "speed",
        "Speed",
        pictures=[drawn(figure, _told(speed))] if figure else (),
        tables=[Table(_COLUMNS, rows, "Latency by size of the batch", "Answering")] if rows else (),
        facts=_facts(speed),
    )


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    times = (one.get(name) for name in ("median_ms", "p95_ms", "p99_ms"))
    shown = (NOTHING if value is None else f"{value:.3g}" for value in times)
    return (
        f"{one['batch']:,}",
        *shown,
        f"{one['examples_per_second']:,.0f}",
        f"{one['calls']:,}" if "calls" in one else NOTHING,
    )


def _facts(speed: Mapping[str, Any]) -> dict[str, str]:
    facts = {}
    if training := speed.get("training"):
        batch = f" in batches of {training['batch']:,}" if training.get("batch") else ""
        facts["training"] = f"{training['examples_per_second']:,.0f} examples a second{batch}"
    startup = speed.get("startup") or {}
    for name, label in _STARTUP:
        if startup.get(name) is not None:
            facts[label] = f"{startup[name]:.2f} s"
    for name, label, shown in _FIGURES:
        if speed.get(name) is not None:
            facts[label] = shown(speed[name])
    return facts


def _told(speed: Mapping[str, Any]) -> str:
    return "Latency by size of the batch: " + "; ".join(
        f"batch {one['batch']}, {one['median_ms']:.3g} ms" for one in speed.get("inference") or ()
    )
