"""Figures of a training run, drawn without a display and without matplotlib's global state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from tftrain.report import style


def learning_rate_search(rates: np.ndarray, losses: np.ndarray, suggestion: float) -> Figure:
    """The loss at rising learning rates, and the one that is suggested.

    Args:
        rates: Rising, `[N]`.
        losses: Smoothed, `[N]`.
        suggestion: Between the lowest and the highest rate.
    """
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(rates, losses, "-", color=style.BLUE)
    axes.axvline(suggestion, color=style.ORANGE, label=f"suggestion: {suggestion:.2g}")
    axes.set(xscale="log", xlabel="learning rate", ylabel="smoothed loss")
    axes.set_ylim(top=min(losses.max(), 2 * losses[0]))
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def confusion_matrix(confusion: np.ndarray, labels: Sequence[str]) -> Figure:
    """Of many classes: shading by true and predicted class grows with the share of the true class.

    The shading is the share's cube root, so that rare mistakes show beside a full diagonal. Classes
    are told by their numbers, from 0.

    Args:
        confusion: Counts `[K, K]`; row: true class, column: predicted class.
        labels: Names of the K classes.
    """
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    shade = np.cbrt(confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1))
    axes.imshow(shade, cmap="Blues", vmin=0, vmax=1, interpolation="none")
    axes.set(xlabel=f"predicted, of {len(labels)} classes", ylabel="true")
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
        above = y - height / 2 - 0.05
        axes.text(x, above, title, fontsize=8, ha="center", va="bottom", parse_math=False)
    axes.set(xlim=(0, 1.2 * columns), ylim=(1.55 * rows, 0))
    return figure
