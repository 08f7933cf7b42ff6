"""The picture of a compression: how large each variant is, and how accurate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from tftrain.compress.label_places import write_names

if TYPE_CHECKING:
    from tftrain.compress.reports import Report

_INK, _WITHIN, _BEYOND, _CHOSEN = "#2b2b2b", "#3465a4", "#b0a8a0", "#cc6600"
_BAND = "#e4efdc"


def sizes_and_accuracies(report: Report) -> Figure:
    """A point a variant: gzipped size to the right, on a logarithmic scale; accuracy upwards.

    Args:
        report: What is drawn. Green is the allowed drop, orange the recommended variant, grey what
            loses more than is allowed.
    """
    figure = Figure(figsize=(8, 4.8), layout="constrained")
    axes = figure.subplots()
    variants = report.variants
    sizes = [one.gzip_bytes for one in variants]
    shares = [100 * one.accuracy for one in variants]
    _limit(axes, sizes, shares, report)
    told = _band(axes, report)
    for one, size, share in zip(variants, sizes, shares, strict=True):
        colour = _colour(report, one)
        axes.plot([size], [share], "o", color=colour, markersize=8, markeredgecolor="white")
    _mark_chosen(axes, report)
    axes.set(xlabel="size of the file, gzipped", ylabel="accuracy (%)")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    places = list(zip(sizes, shares, strict=True))
    names = [one.name for one in variants]
    write_names(axes, places, names, keep_free=[told], fontsize=9, color=_INK)
    return figure


def _limit(axes: Axes, sizes: list[int], shares: list[float], report: Report) -> None:
    axes.set_xscale("log")
    axes.set_xlim(min(sizes) / 1.6, max(sizes) * 1.6)
    floor = 100 * (report.variants[0].accuracy - report.max_accuracy_drop)
    low, high = min(shares), max(shares)
    low = min(low, max(floor, 2 * low - high - 0.1))  # a wide band must not flatten all else
    room = max(0.18 * (high - low), 0.05)
    axes.set_ylim(low - room, high + room)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: _bytes(size)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _band(axes: Axes, report: Report) -> Text:
    top = 100 * report.variants[0].accuracy
    points = round(100 * report.max_accuracy_drop, 6)
    bottom = top - points
    axes.axhspan(bottom, top, color=_BAND, zorder=0, linewidth=0)
    axes.axhline(top, color=_INK, linewidth=0.8, linestyle=":", zorder=1)
    return axes.annotate(
        f"allowed drop: {points:g} point{'s' * (points != 1)}",
        (0.01, max(bottom, axes.get_ylim()[0])),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        fontsize=8,
        color="#5f7a4a",
    )


def _mark_chosen(axes: Axes, report: Report) -> None:
    chosen = report.recommended
    if chosen is None:
        axes.set_title("recommended: none", loc="left", fontsize=11, color=_INK)
        return
    place = chosen.gzip_bytes, 100 * chosen.accuracy
    axes.plot(*place, "o", markersize=17, markerfacecolor="none", color=_CHOSEN, markeredgewidth=2)
    axes.set_title(f"recommended: {chosen.name}", loc="left", fontsize=11, color=_CHOSEN)


def _colour(report: Report, variant: object) -> str:
    if variant is report.recommended:
        return _CHOSEN
    return _WITHIN if report.allows(variant) else _BEYOND


def _bytes(size: float) -> str:
    for factor, unit in ((1e6, "MB"), (1e3, "kB")):
        if size >= factor:
            return f"{size / factor:g} {unit}"
    return f"{size:g} B"
