"""The picture of a sweep: the metric over each setting that was varied."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tftrain.sweeps import tables, trials
from tftrain.sweeps.dimensions import Choices, Dimension, Value
from tftrain.sweeps.sweep import Sweep
from tftrain.sweeps.trials import Trial

_INK, _FINISHED, _STOPPED, _BEST = "#2b2b2b", "#3465a4", "#b0a8a0", "#cc6600"
_ACROSS = 3
_WIDE = 10  # times its smallest value: a setting that reaches so far is drawn logarithmically
_JITTER = 0.12
_NAMES_APART = 0.16  # of a panel's width, for names of values not to touch
_FAR = 100  # times the smallest value: such as the loss of a training that has diverged


def figure(sweep: Sweep) -> Figure:
    """A panel a setting, a point a trial; the best is orange, those stopped early are grey.

    Args:
        sweep: One of whose trials has a value.
    """
    names = list(sweep.asked.space)
    across = 2 if len(names) == 4 else min(len(names), _ACROSS)
    down = math.ceil(len(names) / across)
    wide = max(1.2 + 3.4 * across, 5.6)  # the title needs as much
    result = Figure(figsize=(wide, 0.6 + 3.2 * down), layout="constrained")
    panels = result.subplots(down, across, sharey=True, squeeze=False)
    for axes, name in zip(panels.flat, names, strict=False):
        _panel(axes, name, sweep.asked.space[name], sweep)
    for axes in panels.flat[len(names) :]:
        axes.remove()
    for row in panels:
        row[0].set_ylabel(sweep.asked.metric)
    values = [trial.value for trial in sweep.ranked()]
    if min(values) > 0 and max(values) / min(values) >= _FAR:
        panels[0, 0].set_yscale("log")
    result.suptitle(_title(sweep), x=0.01, ha="left", fontsize=11, color=_INK)
    return result


def _title(sweep: Sweep) -> str:
    best = sweep.best
    told = tables.summary(sweep)
    if len(sweep.ranked(trials.FINISHED)) < len(sweep.ranked()):
        told += " (grey: not finished)"
    if best is None:
        return told
    return f"best: {tables.settings(best)}, {sweep.asked.metric} {best.value:.4f}\n{told}"


def _panel(axes: Axes, name: str, one: Dimension, sweep: Sweep) -> None:
    shown = sweep.ranked()
    places = _places(axes, one, shown, name)
    for trial, place in reversed(list(zip(shown, places, strict=True))):
        colour = _FINISHED if trial.state == trials.FINISHED else _STOPPED
        is_best = trial is sweep.best
        axes.plot(
            [place],
            [trial.value],
            "o",
            color=_BEST if is_best else colour,
            markersize=9 if is_best else 6,
            markeredgecolor="white",
        )
    axes.set_xlabel(name)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)


def _places(axes: Axes, one: Dimension, shown: Sequence[Trial], name: str) -> list[float]:
    values = [trial.settings[name] for trial in shown]
    if isinstance(one, Choices) and not _are_numbers(one.values):
        axes.set_xticks(range(len(one.values)), [tables.text(value) for value in one.values])
        axes.set_xlim(-0.5, len(one.values) - 0.5)
        beside = random.Random(name)  # points of one value would hide one another
        return [one.values.index(value) + beside.uniform(-_JITTER, _JITTER) for value in values]
    _scale(axes, one)
    if isinstance(one, Choices) and _are_apart(axes, one.values):
        axes.set_xticks(one.values, [tables.text(value) for value in one.values])
        axes.minorticks_off()
    return values


def _scale(axes: Axes, one: Dimension) -> None:
    extremes = one.extremes()
    low, high = min(extremes), max(extremes)
    log = one.log if not isinstance(one, Choices) else low > 0 and high / low >= _WIDE
    if log:
        axes.set_xscale("log")
        room = (high / low) ** 0.06 if high > low else 2
        axes.set_xlim(low / room, high * room)
    elif high > low:
        room = 0.06 * (high - low)
        axes.set_xlim(low - room, high + room)


def _are_apart(axes: Axes, values: Sequence[Value]) -> bool:
    """Whether there is room for the name of each value."""
    points = [(value, 1.0) for value in sorted(values)]
    places = axes.transAxes.inverted().transform(axes.transData.transform(points))[:, 0]
    return all(second - first > _NAMES_APART for first, second in itertools.pairwise(places))


def _are_numbers(values: Sequence[Value]) -> bool:
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
