"""How figures look: the colours of all, the axes of those over epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

BLUE, ORANGE, GREEN, PURPLE = "#2f6db3", "#c2570c", "#2e7d32", "#7b4fa3"
RED, TEAL, BROWN, GREY = "#b3282d", "#00798c", "#7d5a3c", "#6b7280"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, RED, TEAL, BROWN, GREY)
_WIDTH = 5.0  # inches: in a column of the page, and on a phone, letters keep their size
_FEW = 40  # epochs, up to which each has its dot


def of(position: int) -> str:
    """The colour of the run at a position, from 0; after the last the first comes again."""
    return COLOURS[position % len(COLOURS)]


def panels(heights: Sequence[float]) -> tuple[Figure, list[Axes]]:
    """A figure of panels, one beneath the other, with one axis of epochs.

    Args:
        heights: Of the panels, in inches.
    """
    figure = Figure(figsize=(_WIDTH, sum(heights)), layout="constrained")
    axes = figure.subplots(
        len(heights), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights}
    )[:, 0]
    for each in axes:
        each.grid(axis="y", alpha=0.3, linewidth=0.6)
        each.spines[["top", "right"]].set_visible(False)
        each.tick_params(labelsize=8.5)
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes[-1].set_xlabel("epochs done", fontsize=9)
    return figure, list(axes)


def line(axes: Axes, epochs: Sequence[float], values: Sequence[float], **looks: Any) -> None:
    """A curve over epochs, with dots where they can be told apart."""
    marker = "." if len(epochs) <= _FEW else ""
    axes.plot(epochs, values, **{"marker": marker, "markersize": 4, "linewidth": 1.4, **looks})


def title(axes: Axes, text: str) -> None:
    """Names a panel, at its upper left."""
    axes.set_title(text, loc="left", fontsize=9.5, fontweight="bold")


def legend(axes: Axes) -> None:
    """Explains the curves, where they leave room."""
    axes.legend(fontsize=8.5, frameon=False)


def from_zero(axes: Axes) -> None:
    """Begins the vertical axis at 0, with some room above what is drawn, equal values too."""
    axes.update_datalim([(0, 0)], updatex=False)
    axes.autoscale_view(scalex=False)
    axes.set_ylim(bottom=0)
