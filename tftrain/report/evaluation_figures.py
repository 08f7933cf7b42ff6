"""The figure of each section of a run's evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from matplotlib.figure import Figure

from tftrain.report import calibration_plot, speed_plot, stability_plot

FIGURES: dict[str, Callable[[Mapping[str, Any]], Figure | None]] = {
    "quality": calibration_plot.figure,
    "speed": speed_plot.figure,
    "stability": stability_plot.figure,
}


def figures(evaluation: Mapping[str, Any]) -> dict[str, Figure]:
    """What there is to draw, by the names of the sections.

    Args:
        evaluation: The content of evaluation.json.
    """
    drawn = {name: draw(evaluation[name]) for name, draw in FIGURES.items() if name in evaluation}
    return {name: figure for name, figure in drawn.items() if figure}
