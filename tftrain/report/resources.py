"""What a run used of the machine: a figure and a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
    ("cpu_share", "processor", "#3465a4"),
    ("memory_share", "memory", "#4e9a06"),
    ("input_wait_share", "waiting for data", "#cc6600"),
    ("gpu_share", "GPUs", "#75507b"),
)


def figure(metrics: Sequence[Mapping[str, Any]]) -> Figure:
    """Speed, and shares of what there is, by epoch.

    Args:
        metrics: The lines of metrics.jsonl, at least one of them with `resources`.
    """
    drawn = Figure(figsize=(9, 2.8), layout="constrained")
    speed, shares = drawn.subplots(1, 2)
    _line(speed, metrics, "examples_per_second", "examples per second", "#3465a4")
    speed.set(title="examples per second", ylim=(0, None))
    for name, label, colour in _SHARES:
        _line(shares, metrics, name, label, colour)
    shares.set(title="share in use", ylim=(0, 1.02))
    shares.yaxis.set_major_formatter("{x:.0%}")
    shares.legend(fontsize=8)
    for axes in (speed, shares):
        axes.set(xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    return drawn


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
        axes.plot(epochs, values, ".-", color=colour, label=label, markersize=4)
