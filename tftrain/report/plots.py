"""Figures of a training run, drawn without a display and without matplotlib's global state."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

_INK, _TRAIN, _VALIDATION = "#2b2b2b", "#3465a4", "#cc6600"


def learning_curves(metrics: Sequence[dict[str, Any]]) -> Figure:
    """Loss and accuracy an epoch, training and validation.

    Args:
        metrics: The lines of metrics.jsonl.
    """
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    epochs = [line["epoch"] for line in metrics]
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for key, label, colour in (
            (name, "training", _TRAIN),
            (f"val_{name}", "validation", _VALIDATION),
        ):
            if key in metrics[0]:
                values = [np.nan if line[key] is None else line[key] for line in metrics]
                axes.plot(epochs, values, ".-", color=colour, label=label, markersize=4)
        axes.set(xlabel="epoch", title=name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def learning_rate(
    planned: Sequence[tuple[float, float]], metrics: Sequence[dict[str, Any]]
) -> Figure:
    """The learning rate along the training: as planned, and as the epochs' ends found it.

    Args:
        planned: Pairs of epochs done and the rate, in order; possibly none.
        metrics: The lines of metrics.jsonl.
    """
    figure = Figure(figsize=(9, 2.4), layout="constrained")
    axes = figure.subplots()
    if planned:
        axes.plot(*zip(*planned, strict=True), "-", color=_TRAIN, label="schedule")
    found = [(line["epoch"], line["learning_rate"]) for line in metrics]
    axes.plot(*zip(*found, strict=True), ".", color=_VALIDATION, label="at the epoch's end")
    largest = max(rate for _, rate in (*planned, *found))
    axes.set(xlabel="epochs done", title="learning rate", ylim=(0, 1.1 * largest or None))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def learning_rate_search(rates: np.ndarray, losses: np.ndarray, suggestion: float) -> Figure:
    """The loss at rising learning rates, and the one that is suggested.

    Args:
        rates: Rising, `[N]`.
        losses: Smoothed, `[N]`.
        suggestion: Between the lowest and the highest rate.
    """
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(rates, losses, "-", color=_TRAIN)
    axes.axvline(suggestion, color=_VALIDATION, label=f"suggestion: {suggestion:.2g}")
    axes.set(xscale="log", xlabel="learning rate", ylabel="smoothed loss")
    axes.set_ylim(top=min(losses.max(), 2 * losses[0]))
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def confusion_matrix(confusion: np.ndarray, labels: Sequence[str]) -> Figure:
    """Counts by true and predicted class; shading grows with the share of the true class.

    The shading is the share's cube root, so that rare mistakes show beside a full diagonal.

    Args:
        confusion: Counts `[K, K]`; row: true class, column: predicted class.
        labels: Names of the K classes.
    """
    count = len(labels)
    side = min(1.5 + 0.4 * count, 14)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    shade = np.cbrt(confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1))
    axes.imshow(shade, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(count), labels, rotation=90 if max(map(len, labels)) > 2 else 0)
    axes.set_yticks(range(count), labels)
    axes.set(xlabel="predicted", ylabel="true")
    if count <= 20:
        for row, column in zip(*np.nonzero(confusion), strict=True):
            colour = "white" if shade[row, column] > 0.7 else _INK
            axes.text(
                column, row, confusion[row, column], ha="center", va="center", color=colour,
                fontsize=8,
            )  # fmt: skip
    return figure


def image_grid(images: np.ndarray, titles: Sequence[str], columns: int = 8) -> Figure:
    """Images with a title each, in rows.

    Args:
        images: `[N, H, W, C]` in [0, 1], C of 1 or 3, N at least 1.
        titles: One an image.
        columns: Images a row.
    """
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(1.2 * columns, 1.55 * rows))
    axes = figure.add_axes((0, 0, 1, 1))  # one for all: each would take longer than its image
    axes.axis("off")
    largest = max(images.shape[1:3]) / 1.12
    height, width = (length / largest for length in images.shape[1:3])
    for place, (image, title) in enumerate(zip(images, titles, strict=False)):
        x, y = 1.2 * (place % columns) + 0.6, 1.55 * (place // columns) + 0.9  # its centre, inches
        extent = (x - width / 2, x + width / 2, y + height / 2, y - height / 2)
        axes.imshow(image.squeeze(), cmap="gray_r", vmin=0, vmax=1, extent=extent)
        axes.text(x, y - height / 2 - 0.05, title, fontsize=8, ha="center", va="bottom")
    axes.set(xlim=(0, 1.2 * columns), ylim=(1.55 * rows, 0))
    return figure


def as_data_uri(figure: Figure) -> str:
    """The figure as a PNG inside a `data:` address, so that a page needs no other file."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    return "data:image/png;base64," + base64.b64encode(picture.getvalue()).decode()
