"""A model's speed, drawn: latency and throughput by size of the batch, and the start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tftrain.report import style

_COMPILED, _PREDICT, _TRAIN = style.BLUE, style.GREY, style.ORANGE
_PHASES = (
    ("import_seconds", "import", style.GREY),
    ("load_seconds", "load", style.GREEN),
    ("first_answer_seconds", "first answer", style.BLUE),
)


def figure(speed: Mapping[str, Any]) -> Figure:
    """Latencies, throughput, and the seconds to the first answer where they were measured.

    Args:
        speed: The section `speed` of a run's evaluation.
    """
    started = speed.get("startup")
    drawn = Figure(figsize=(8.4, 5.2 if started else 3.6), layout="constrained")
    parts = drawn.subfigures(2, 1, height_ratios=(3.2, 1.3)) if started else (drawn,)
    latency, throughput = parts[0].subplots(1, 2)
    _draw_latencies(latency, speed["inference"])
    _draw_throughput(throughput, speed["inference"], speed.get("training"))
    if started:
        _draw_start(parts[1].subplots(), started)
    return drawn


def _draw_latencies(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    sizes, median = _column(rows, "batch"), _column(rows, "median_ms")
    p95, p99 = _column(rows, "p95_ms"), _column(rows, "p99_ms")
    axes.fill_between(
        sizes, median, p99, color=_COMPILED, alpha=0.15, label="to the 99th percentile"
    )
    axes.fill_between(sizes, median, p95, color=_COMPILED, alpha=0.3, label="to the 95th")
    axes.plot(sizes, median, "o-", color=_COMPILED, label="compiled function, median")
    if all(row.get("predict_ms") for row in rows):
        predict = _column(rows, "predict_ms")
        axes.plot(sizes, predict, "s--", color=_PREDICT, label="model.predict, median")
    axes.set_yscale("log")
    axes.set_ylim(top=25 * axes.get_ylim()[1])  # room for the legend
    _finish(axes, rows, "time of a call", "milliseconds")


def _draw_throughput(
    axes: Axes, rows: Sequence[Mapping[str, Any]], training: Mapping[str, Any] | None
) -> None:
    rates = _column(rows, "examples_per_second")
    axes.plot(_column(rows, "batch"), rates, "o-", color=_COMPILED, label="answering")
    if training:
        place = [training["batch"]], [training["examples_per_second"]]
        axes.plot(*place, "D", color=_TRAIN, label="a training step")
    _finish(axes, rows, "throughput", "examples per second")


def _finish(axes: Axes, rows: Sequence[Mapping[str, Any]], title: str, unit: str) -> None:
    axes.set(xscale="log", yscale="log", xlabel="examples a call", ylabel=unit, title=title)
    sizes = _column(rows, "batch")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.xaxis.minorticks_off()
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.6g}")
    axes.yaxis.set_minor_formatter("")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="upper left")


def _draw_start(axes: Axes, started: Mapping[str, float]) -> None:
    done = 0.0
    for name, label, colour in _PHASES:
        axes.barh(0, started[name], left=done, color=colour, label=f"{label} {started[name]:.2f} s")
        done += started[name]
    axes.set(yticks=[], xlabel="seconds", xlim=(0, 1.02 * done), ylim=(-0.5, 1.7))
    axes.set_title("from the start of a process to its first answer", fontsize=10)
    axes.legend(ncols=len(_PHASES), fontsize=8, loc="upper left")


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]
