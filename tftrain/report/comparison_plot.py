"""Accuracies of several runs on one test set, and their differences from the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tftrain.report import style

_PLAIN, _MARKED = style.BLUE, style.ORANGE
_LONGEST_NAME = 30


def figure(compared: Mapping[str, Any]) -> Figure:
    """Accuracies with their intervals, and beside them differences with theirs.

    A difference that exceeds the noise has another colour.

    Args:
        compared: What `tftrain.evaluate.Comparison.as_dict` gives.
    """
    runs, pairs = compared["runs"], compared["pairs"]
    drawn = Figure(figsize=(9, 1.5 + 0.42 * len(runs)), layout="constrained")
    left, right = drawn.subplots(1, 2, sharey=True)
    for place, run in enumerate(runs):
        _point(left, place, run["accuracy"], run["accuracy_interval"], _PLAIN)
    right.axvline(0, color="#888888", linewidth=1)
    for place, pair in enumerate(pairs, 1):
        colour = _MARKED if pair["adjusted_p_value"] < 0.05 else _PLAIN
        ends = [100 * end for end in pair["interval"]]
        _point(right, place, 100 * pair["difference"], ends, colour)
    left.set_title("accuracy", fontsize=10)
    right.set_title("points more than the first", fontsize=10)
    right.set_xlabel("orange: exceeds the noise", fontsize=9)
    names = [_short(run["name"]) for run in runs]
    left.set_yticks(range(len(runs)), names, parse_math=False)
    left.set_ylim(len(runs) - 0.5, -0.5)  # the first on top; `right` has the same rows
    for axes in (left, right):
        axes.grid(axis="x", alpha=0.3)
        axes.locator_params(axis="x", nbins=6)
    return drawn


def _point(axes: Axes, place: int, value: float, interval: Sequence[float], colour: str) -> None:
    axes.plot(interval, [place, place], "-", color=colour, linewidth=2, alpha=0.6)
    axes.plot([value], [place], "o", color=colour, markersize=6)


def _short(name: str) -> str:
    """A name of any length, with its middle left out if need be."""
    half = _LONGEST_NAME // 2
    return (
        name
        if len(name) <= _LONGEST_NAME
        else f"{name[:half]}\N{HORIZONTAL ELLIPSIS}{name[-half:]}"
    )
