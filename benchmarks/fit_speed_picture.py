"""The picture of fit_speed.py: bars of seconds an epoch, a panel a workload."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

COLOURS = {"tftrain": "#cc6600", "keras": "#204a87", "floor": "#888a85"}
OTHERS = "#729fcf"
COLUMNS = 3


def draw(results: dict[str, dict[str, Any]], path: str) -> None:
    """Writes the picture.

    Args:
        results: By workload and program: `epoch_seconds`, `least` and `most`.
        path: Ends in .png.
    """
    columns = min(COLUMNS, len(results))
    rows = -(-len(results) // columns)
    figure = Figure(figsize=(4.4 * columns, 0.8 + 2.8 * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, (workload, of_workload) in zip(panels, results.items(), strict=False):
        _panel(axes, workload, of_workload)
    for axes in panels[len(results) :]:
        axes.remove()
    figure.supxlabel("seconds an epoch, validation included; lines from least to most", fontsize=9)
    figure.savefig(path, dpi=120)


def _panel(axes: Any, workload: str, of_workload: dict[str, Any]) -> None:
    names = sorted(of_workload, key=lambda name: -of_workload[name]["epoch_seconds"])
    medians = [of_workload[name]["epoch_seconds"] for name in names]
    spreads = [
        (of["epoch_seconds"] - of["least"], of["most"] - of["epoch_seconds"])
        for of in map(of_workload.get, names)
    ]
    bars = axes.barh(
        names,
        medians,
        xerr=list(zip(*spreads, strict=True)),
        color=[COLOURS.get(name, OTHERS) for name in names],
        error_kw={"elinewidth": 1, "ecolor": "#2e3436"},
    )
    ends = [of_workload[name]["most"] for name in names]
    for bar, median, end in zip(bars, medians, ends, strict=True):
        middle = bar.get_y() + bar.get_height() / 2
        axes.text(end + 0.02 * max(ends), middle, f"{median:.2f}", va="center", fontsize=8)
    axes.set_title(workload, fontsize=10)
    axes.set_xlim(0, 1.15 * max(ends))
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
