"""What a run used of the machine: two figures and a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tftrain.report import style
from tftrain.report.pictures import drawn
from tftrain.report.sections import Section, Table

_ROWS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("examples_per_second", "examples per second", "{:,.0f}".format),
    ("flop_utilization", "arithmetic, of what the machine can do", "{:.1%}".format),
    ("input_wait_share", "waiting for data", "{:.1%}".format),
    ("cpu_share", "cores in use by the run", "{:.0%}".format),
    ("machine_cpu_share", "cores in use by anybody", "{:.0%}".format),
    ("memory_peak_bytes", "memory of the process", lambda b: f"{b / 1e9:.2f} GB"),
    ("memory_share", "memory in use by anybody, of the limit", "{:.0%}".format),
    ("gpu_share", "GPUs busy", "{:.0%}".format),
    ("gpu_memory_peak_bytes", "memory on GPUs", lambda b: f"{b / 1e9:.2f} GB"),
    ("disk_read_bytes_per_second", "read from disks", lambda b: f"{b / 1e6:.2f} MB/s"),
    ("disk_written_bytes_per_second", "written to disks", lambda b: f"{b / 1e6:.2f} MB/s"),
    ("disk_free_bytes", "free on the run's disk", lambda b: f"{b / 1e9:.1f} GB"),
)
_SHARES = (
    ("cpu_share", "processor", style.BLUE),
    ("memory_share", "memory", style.GREEN),
    ("input_wait_share", "waiting for data", style.ORANGE),
    ("gpu_share", "GPUs", style.PURPLE),
)
_COLUMNS = ("in an epoch", "least", "median", "most")


def section(metrics: Sequence[Mapping[str, Any]]) -> Section | None:
    """Throughput and resources over time; None where they were not recorded.

    Args:
        metrics: The lines of metrics.jsonl.
    """
    rows = table(metrics)
    if not rows:
        return None
    return Section(
        "resources",
        "Throughput and resources",
        pictures=[
            drawn(speed(metrics), "Examples per second by epoch; the table has its range"),
            drawn(shares(metrics), "Shares in use by epoch; the table has their ranges"),
        ],
        tables=[Table(_COLUMNS, rows, "Resources: least, median and most of all epochs")],
    )


def speed(metrics: Sequence[Mapping[str, Any]]) -> Figure:
    """Examples per second, by epoch.

    Args:
        metrics: The lines of metrics.jsonl, at least one of them with `resources`.
    """
    figure, (axes,) = style.panels([2.6])
    _line(axes, metrics, "examples_per_second", "examples per second", style.BLUE)
    axes.set_xlim(0, None)
    style.from_zero(axes)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    style.title(axes, "examples per second")
    return figure


def shares(metrics: Sequence[Mapping[str, Any]]) -> Figure:
    """Shares of what there is that were in use, by epoch.

    Args:
        metrics: As above.
    """
    figure, (axes,) = style.panels([2.6])
    for name, label, colour in _SHARES:
        _line(axes, metrics, name, label, colour)
    axes.set(xlim=(0, None), ylim=(0, 1.02))
    axes.yaxis.set_major_formatter("{x:.0%}")
    style.title(axes, "share in use")
    if axes.lines:
        style.legend(axes)
    return figure


def table(metrics: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str, str]]:
    """Rows of what, the least, the median and the most of all epochs."""
    rows = []
    for name, label, shown in _ROWS:
        values = [each[name] for line in metrics if name in (each := line.get("resources", {}))]
        if values:
            rows.append((label, *map(shown, (min(values), np.median(values), max(values)))))
    return rows


def _line(
    axes: Axes, metrics: Sequence[Mapping[str, Any]], name: str, label: str, colour: str
) -> None:
    values = [line.get("resources", {}).get(name, np.nan) for line in metrics]
    if not np.isnan(values).all():
        epochs = [line["epoch"] for line in metrics]
        style.line(axes, epochs, values, color=colour, label=label)
