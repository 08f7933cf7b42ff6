"""One HTML page about a run that needs no other file and no network."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tftrain.report import plots, resources, templates


@dataclasses.dataclass(frozen=True)
class RunReport:
    """What the page shows.

    Attributes:
        title: The run's name.
        config: Resolved settings.
        environment: Versions and machine.
        result: The content of result.json.
        metrics: The lines of metrics.jsonl.
        quality: The content of a `tftrain.evaluate.Quality`, as a dict.
        mistakes: Images `[N, H, W, C]` in [0, 1] of the worst mistakes, N possibly 0.
        mistake_titles: What was true and what was predicted, one an image.
        learning_rates: The schedule to draw: pairs of epochs done and learning rate.
    """

    title: str
    config: Mapping[str, Any]
    environment: Mapping[str, str]
    result: Mapping[str, Any]
    metrics: Sequence[dict[str, Any]]
    quality: Mapping[str, Any]
    mistakes: np.ndarray
    mistake_titles: Sequence[str]
    learning_rates: Sequence[tuple[float, float]] = ()


def render(report: RunReport) -> str:
    """The page as HTML."""
    return templates.render(
        "page.html",
        report=report,
        curves=plots.as_data_uri(plots.learning_curves(report.metrics)),
        learning_rate=_learning_rate(report),
        confusion=plots.as_data_uri(
            plots.confusion_matrix(np.array(report.quality["confusion"]), report.quality["labels"])
        ),
        mistakes=_mistakes(report),
        classes=_classes(report.quality),
        resources=_resources(report),
        facts={"Configuration": report.config, "Environment": report.environment},
    )


def _learning_rate(report: RunReport) -> str | None:
    rates = {line.get("learning_rate") for line in report.metrics}
    if rates == {None}:
        return None
    return plots.as_data_uri(plots.learning_rate(report.learning_rates, report.metrics))


def _mistakes(report: RunReport) -> str | None:
    if not len(report.mistakes):
        return None
    return plots.as_data_uri(plots.image_grid(report.mistakes, report.mistake_titles))


def _resources(report: RunReport) -> dict[str, Any] | None:
    rows = resources.table(report.metrics)
    if not rows:
        return None
    return {"rows": rows, "figure": plots.as_data_uri(resources.figure(report.metrics))}


def _classes(quality: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    columns = ("labels", "precision", "recall", "f1", "support")
    return list(zip(*(quality[column] for column in columns), strict=True))
