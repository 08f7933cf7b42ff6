"""Learning curves: loss and accuracy, with the learning rate and the gradient beneath."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tftrain.report import style
from tftrain.report.pictures import Picture, drawn
from tftrain.report.sections import Section

Lines = Sequence[dict[str, Any]]
_HEIGHTS = (2.5, 1.4)
_NORMS = (
    ("gradient_norm_mean", "mean", style.BLUE),
    ("gradient_norm_max", "largest", style.GREY),
    ("gradient_norm", "mean, before clipping", style.ORANGE),
)


def section(metrics: Lines, planned: Sequence[tuple[float, float]]) -> Section:
    """The curves of a run.

    Args:
        metrics: The lines of metrics.jsonl, at least one.
        planned: Pairs of epochs done and the learning rate, in order; possibly none.
    """
    pictures = [
        drawn(loss_and_rate(metrics, planned), _told(metrics, "loss", "learning_rate")),
        drawn(accuracy_and_gradient(metrics), _told(metrics, "accuracy", "gradient_norm_mean")),
    ]
    return Section("curves", "Learning curves", pictures=pictures)


def has_gradient_norms(metrics: Lines) -> bool:
    """Whether the run has measured its gradient."""
    return any(name in line for line in metrics for name, *_ in _NORMS)


def loss_and_rate(metrics: Lines, planned: Sequence[tuple[float, float]]) -> Figure:
    """The loss an epoch and, beneath, the learning rate: as planned, and as the epochs ended.

    Args:
        metrics: The lines of metrics.jsonl, at least one.
        planned: Pairs of epochs done and the learning rate, in order; possibly none.
    """
    rates = values(metrics, "learning_rate")
    has_rate = bool(planned) or not np.isnan(rates).all()
    figure, (above, *beneath) = style.panels(_HEIGHTS if has_rate else _HEIGHTS[:1])
    _curve(above, metrics, "loss")
    if has_rate:
        _rate(beneath[0], metrics, rates, planned)
    above.set_xlim(0, None)
    return figure


def accuracy_and_gradient(metrics: Lines) -> Figure:
    """The accuracy an epoch and, beneath, the norm of the gradient, if it was measured."""
    has_norms = has_gradient_norms(metrics)
    figure, (above, *beneath) = style.panels(_HEIGHTS if has_norms else _HEIGHTS[:1])
    _curve(above, metrics, "accuracy")
    if has_norms:
        _norms(beneath[0], metrics)
    above.set_xlim(0, None)
    return figure


def values(metrics: Lines, name: str) -> np.ndarray:
    """A metric by epoch; not a number where there is none."""
    found = (line.get(name) for line in metrics)
    return np.array([np.nan if value is None else value for value in found], float)


def _curve(axes: Axes, metrics: Lines, name: str) -> None:
    epochs = [line["epoch"] for line in metrics]
    for key, label, colour in (
        (name, "training", style.BLUE),
        (f"val_{name}", "validation", style.ORANGE),
    ):
        if any(key in line for line in metrics):
            style.line(axes, epochs, values(metrics, key), color=colour, label=label)
    style.title(axes, name)
    style.legend(axes)


def _rate(
    axes: Axes, metrics: Lines, rates: np.ndarray, planned: Sequence[tuple[float, float]]
) -> None:
    if planned:
        axes.plot(*zip(*planned, strict=True), color=style.GREY, linewidth=1.4, label="schedule")
    epochs = [line["epoch"] for line in metrics]
    dots = {"linestyle": "", "marker": ".", "markersize": 4}
    style.line(axes, epochs, rates, color=style.BLUE, label="as the epochs ended", **dots)
    style.from_zero(axes)
    style.title(axes, "learning rate")
    style.legend(axes)


def _norms(axes: Axes, metrics: Lines) -> None:
    epochs = [line["epoch"] for line in metrics]
    for key, label, colour in _NORMS:
        if any(key in line for line in metrics):
            style.line(axes, epochs, values(metrics, key), color=colour, label=label)
    style.from_zero(axes)
    style.title(axes, "norm of the gradient")
    style.legend(axes)


def _told(metrics: Lines, *names: str) -> str:
    """From where to where each goes, for those who do not see the curves."""
    parts = []
    for name in names:
        for key, whose in ((name, ""), (f"val_{name}", " in validation")):
            found = values(metrics, key)
            if not np.isnan(found).all():
                first, last = found[~np.isnan(found)][[0, -1]]
                parts.append(f"{name.replace('_', ' ')}{whose} from {first:.4g} to {last:.4g}")
    return f"By epoch, of {len(metrics)}: {'; '.join(parts)}"


def overlaid(runs: Sequence[Lines], name: str) -> Picture:
    """One metric of several runs: validation in full, training dashed.

    Args:
        runs: The lines of metrics.jsonl of each.
        name: `loss` or `accuracy`.
    """
    figure, (axes,) = style.panels([3.2])
    for position, metrics in enumerate(runs):
        colour, epochs = style.of(position), [line["epoch"] for line in metrics]
        for key, looks in ((name, "--"), (f"val_{name}", "-")):
            style.line(axes, epochs, values(metrics, key), color=colour, linestyle=looks)
    axes.set_xlim(0, None)
    style.title(axes, f"{name}: validation, and training (dashed)")
    parts = [f"run {number}, {_told(each, name)}" for number, each in enumerate(runs, 1)]
    return drawn(figure, "; ".join(parts))
