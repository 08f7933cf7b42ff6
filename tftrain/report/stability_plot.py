"""How much a model's accuracy moves: over corruptions, seeds, precisions, strategies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tftrain.report import style

_PLAIN, _MARKED, _BASELINE = style.BLUE, style.ORANGE, "#2b2b2b"


def figure(measured: Mapping[str, Any]) -> Figure:
    """Accuracy against the strength of corruptions, and a point each of the other cases.

    A change that exceeds the noise is a full marker along curves, and orange among points.

    Args:
        measured: What `tftrain.evaluate.Stability.as_dict` gives.
    """
    graded = [row for row in measured["rows"] if row["strength"] is not None]
    others = [row for row in measured["rows"] if row["strength"] is None]
    panels = bool(graded) + bool(others)
    height = max(3.4, 1.2 + 0.3 * len(others))
    drawn = Figure(figsize=(4.6 * panels + 0.4, height), layout="constrained")
    axes = list(drawn.subplots(1, panels, squeeze=False)[0])
    if graded:
        _curves(axes.pop(0), graded, measured["baseline"]["accuracy"])
    if others:
        _points(axes.pop(0), others, measured["baseline"]["accuracy"])
    return drawn


def _curves(axes: Axes, rows: Sequence[Mapping[str, Any]], baseline: float) -> None:
    cases = list(dict.fromkeys(row["case"] for row in rows))
    for place, case in enumerate(cases):
        colour = style.of(place)
        of_case = [row for row in rows if row["case"] == case]
        strengths = [0, *(row["strength"] for row in of_case)]
        accuracies = [baseline, *(row["accuracy"] for row in of_case)]
        axes.plot(strengths, accuracies, "-", color=colour, label=case)
        for row in of_case:
            face = colour if row["exceeds_noise"] else "white"
            axes.plot(
                row["strength"], row["accuracy"], "o", color=colour, markerfacecolor=face,
                markersize=5,
            )  # fmt: skip
    axes.set(xlabel="strength (full marker: exceeds the noise)", ylim=(0, 1.02))
    axes.set_title("accuracy on corrupted images", fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)


def _points(axes: Axes, rows: Sequence[Mapping[str, Any]], baseline: float) -> None:
    axes.axvline(baseline, color=_BASELINE, linewidth=1, linestyle="--", label="the model itself")
    for place, row in enumerate(rows):
        colour = _MARKED if row["exceeds_noise"] else _PLAIN
        ends = [baseline + end for end in row["interval"]]
        axes.plot(ends, [place, place], "-", color=colour, linewidth=2, alpha=0.4)
        axes.plot([row["accuracy"]], [place], "o", color=colour, markersize=6)
    axes.set_yticks(range(len(rows)), [row["case"] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    groups = ", ".join(dict.fromkeys(row["group"] for row in rows))
    axes.set_title(f"accuracy over {groups}", fontsize=10)
    for place in range(1, len(rows)):
        if rows[place]["group"] != rows[place - 1]["group"]:
            axes.axhline(place - 0.5, color="#bbbbbb", linewidth=0.8)
    axes.grid(axis="x", alpha=0.3)
    axes.locator_params(axis="x", nbins=5)
    axes.legend(fontsize=8)
