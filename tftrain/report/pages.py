"""One HTML page about a run that needs no other file and no network."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tftrain.report import (
    compression_section,
    curves,
    quality_sections,
    reproducing,
    resources,
    speed_section,
    stability_section,
    templates,
)
from tftrain.report.compression_section import Compressed
from tftrain.report.pictures import photo
from tftrain.report.sections import NOTHING, Section


@dataclasses.dataclass(frozen=True)
class RunReport:
    """What the page shows.

    Attributes:
        title: The run's name.
        folder: The run's folder, as it is to be typed in commands.
        config: Resolved settings.
        environment: Versions and machine.
        result: The content of result.json.
        metrics: The lines of metrics.jsonl.
        quality: The content of a `tftrain.evaluate.Quality`, as a dict.
        mistakes: Images `[N, H, W, C]` in [0, 1] of the worst mistakes, N possibly 0.
        mistake_titles: What was true and what was predicted, one an image.
        learning_rates: The schedule to draw: pairs of epochs done and learning rate.
        speed: The section of this name of evaluation.json; None if it is not there.
        stability: Likewise.
        compressed: What `tftrain compress` made of the model, if it was run.
        figures: Drawn of the sections `quality`, `speed` and `stability`, by their names.
    """

    title: str
    folder: str
    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    result: Mapping[str, Any]
    metrics: Sequence[dict[str, Any]]
    quality: Mapping[str, Any]
    mistakes: np.ndarray
    mistake_titles: Sequence[str]
    learning_rates: Sequence[tuple[float, float]] = ()
    speed: Mapping[str, Any] | None = None
    stability: Mapping[str, Any] | None = None
    compressed: Compressed | None = None
    figures: Mapping[str, Figure] = dataclasses.field(default_factory=dict)


def render(report: RunReport) -> str:
    """The page as HTML."""
    found = [section for section in _sections(report) if section is not None]
    there = {section.id for section in found}
    if curves.has_gradient_norms(report.metrics):
        there.add("gradients")
    made = [
        _settings("configuration", "Configuration", report.config),
        _settings("environment", "Environment", report.environment),
        reproducing.section(report.folder, report.config, report.environment),
        reproducing.missing(report.folder, there),
    ]
    return templates.render(
        "page.html",
        title=report.title,
        told=_told(report.config),
        figures=list(_figures(report)),
        contents=[*found, *(section for section in made if section)],
    )


def _sections(report: RunReport) -> Iterator[Section | None]:
    drawn = report.figures
    if report.metrics:
        yield curves.section(report.metrics, report.learning_rates)
        yield resources.section(report.metrics)
    yield quality_sections.quality(report.quality)
    yield quality_sections.calibration(report.quality, drawn.get("quality"))
    yield _mistakes(report)
    yield speed_section.section(report.speed, drawn.get("speed"))
    yield stability_section.section(report.stability, drawn.get("stability"))
    yield compression_section.section(report.compressed)


def _mistakes(report: RunReport) -> Section:
    counts = np.array(report.quality["confusion"])
    examples = int(counts.sum())
    photos = [
        photo(image, f"Test example: {title}", title)
        for image, title in zip(report.mistakes, report.mistake_titles, strict=True)
    ]
    return quality_sections.mistakes(photos, examples - int(np.trace(counts)), examples)


def _settings(identifier: str, title: str, values: Mapping[str, Any]) -> Section:
    unset = [name for name, value in values.items() if value is None]
    notes = [f"Not set: {', '.join(unset)}."] if unset else ()
    given = {name: value for name, value in values.items() if value is not None}
    return Section(identifier, title, facts=given, notes=notes)


def _told(config: Mapping[str, Any]) -> str:
    model, dataset = config.get("model"), config.get("dataset")
    if not (model and dataset):
        return ""
    count = config.get("epochs")
    epochs = f", {count} epoch{'s' * (count > 1)}" if count else ""
    return f"{model} on {os.fspath(dataset)}{epochs}"


def _figures(report: RunReport) -> Iterator[tuple[str, str, str]]:
    quality, result = report.quality, report.result
    interval = quality.get("accuracy_interval")
    beneath = f"95%: {100 * interval[0]:.2f} to {100 * interval[1]:.2f} %" if interval else ""
    yield "test accuracy", f"{100 * quality['accuracy']:.2f} %", beneath
    yield "test loss", NOTHING if quality["loss"] is None else f"{quality['loss']:.4f}", ""
    yield "training", f"{result['train_seconds']:,.1f} s", ""
    yield "examples per second", f"{result['examples_per_second']:,.0f}", ""
    yield "parameters", f"{result['parameters']:,}", ""
