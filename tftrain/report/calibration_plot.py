"""The reliability diagram: how often answers are right, by how sure they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tftrain.report import style

_RIGHT, _SURE, _COUNT = "#729fcf", style.ORANGE, style.GREY


def figure(quality: Mapping[str, Any]) -> Figure | None:
    """Before and, if a temperature was found, after temperature scaling, with counts beneath.

    Args:
        quality: The section `quality` of a run's evaluation.

    Returns:
        None if it has no calibration.

    Reference: Guo et al., *On Calibration of Modern Neural Networks*, 2017, figure 4.
    """
    found = quality.get("calibration")
    if not found:
        return None
    panels = [("as trained", found["bins"], found["error"])]
    if found.get("temperature"):
        title = f"with temperature {found['temperature']:.3f}"
        panels.append((title, found["bins_after"], found["error_after"]))
    drawn = Figure(figsize=(1.5 + 3.7 * len(panels), 5.2), layout="constrained")
    grid = drawn.subplots(
        2, len(panels), sharex=True, sharey="row", squeeze=False, height_ratios=(3, 1)
    )
    for (above, beneath), (title, bins, error) in zip(grid.T, panels, strict=True):
        _draw_reliability(above, bins)
        above.set_title(f"{title}\nexpected calibration error {error:.4f}", fontsize=10)
        _draw_counts(beneath, bins)
    grid[0, 0].set_ylabel("share of right answers")
    drawn.legend(
        *grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8
    )
    grid[1, 0].set_ylabel("examples")
    return drawn


def _draw_reliability(axes: Axes, bins: Sequence[Mapping[str, Any]]) -> None:
    filled = [each for each in bins if each["examples"]]
    lows, widths = _places(filled)
    accuracies = [each["accuracy"] for each in filled]
    axes.bar(
        lows, accuracies, widths, align="edge", color=_RIGHT, edgecolor="white",
        label="share of right answers",
    )  # fmt: skip
    axes.plot([0, 1], [0, 1], "--", color=_COUNT, linewidth=1, label="as sure as right")
    confidences = [each["confidence"] for each in filled]
    ends = [low + width for low, width in zip(lows, widths, strict=True)]
    axes.hlines(confidences, lows, ends, color=_SURE, linewidth=3, label="mean confidence")
    axes.set(xlim=(0, 1), ylim=(0, 1.01))
    axes.grid(alpha=0.3)


def _draw_counts(axes: Axes, bins: Sequence[Mapping[str, Any]]) -> None:
    lows, widths = _places(bins)
    counts = [each["examples"] for each in bins]
    axes.bar(lows, counts, widths, align="edge", color=_COUNT, edgecolor="white")
    axes.set_yscale("symlog", linthresh=1)  # most answers are in the last bin
    axes.set(xlabel="confidence", ylim=(0, 2 * max(counts)))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(alpha=0.3, axis="y")


def _places(bins: Sequence[Mapping[str, Any]]) -> tuple[list[float], list[float]]:
    return [each["low"] for each in bins], [each["high"] - each["low"] for each in bins]
