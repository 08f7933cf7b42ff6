"""tftrain report RUN: write RUN/report.html, a page that needs no other file.

It shows the learning curves with the learning rate and the gradient, throughput and resources, how
good the model is, its worst mistakes, what `tftrain evaluate` and `tftrain compress` found out
since, the settings and the versions, and how to make the run again. What is not there is named with
the command that brings it.

With --compare, one page about several runs on the same test set: curves, settings that differ,
quality, speed, and whether a difference exceeds the noise.

Examples:
  tftrain report runs/digits-mlp-1
  tftrain report --compare runs/digits-mlp-1 runs/digits-cnn-1 --out=compare.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from tftrain import data, evaluate, training
from tftrain.atomic import replace_file
from tftrain.cli import report_comparison, trained
from tftrain.errors import RunFolderError
from tftrain.keras_api import keras
from tftrain.report import Compressed, RunReport, evaluation_figures, render

_MISTAKES = 24


def define_flags(values: flags.FlagValues) -> None:
    """One run or several."""
    flags.DEFINE_bool("compare", False, "one page about several runs", flag_values=values)
    flags.DEFINE_string("out", None, "with --compare: the page (default: compare.html)", values)


def problems(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the command line."""
    if values.compare:
        yield from report_comparison.problems(values, positional)
        return
    yield from trained.one_run(positional)
    if values["out"].present:
        yield "--out needs --compare: a run's page is always RUN/report.html"


def main(values: flags.FlagValues, positional: Sequence[str]) -> int:
    """Writes the page and prints its path."""
    if values.compare:
        print(report_comparison.compare(positional, values.out or report_comparison.DEFAULT))
        return 0
    folder = training.RunFolder.open(positional[0])
    model = trained.load_model(folder)
    write(folder, trained.load_splits(folder), model)
    print(folder.report)
    return 0


def write(folder: training.RunFolder, splits: data.Splits, model: keras.Model) -> None:
    """Judges the model and writes the run's page."""
    judged = trained.judge(model, splits)
    with trained.naming_evaluation(folder):
        page = render(_about(folder, splits, judged))
    with replace_file(folder.report) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _about(folder: training.RunFolder, splits: data.Splits, judged: trained.Judged) -> RunReport:
    found = {"quality": judged.quality.as_dict(), **folder.read_evaluation()}
    worst = evaluate.worst_mistakes(splits.test.y, judged.probabilities, _MISTAKES)
    config = folder.read_config()
    environment = config.pop("environment", {})
    return RunReport(
        title=folder.path.resolve().name,
        folder=str(folder.path),
        config=config,
        environment=environment,
        result=folder.read_result(),
        metrics=folder.read_metrics(),
        quality=found["quality"],
        mistakes=splits.test.x[worst],
        mistake_titles=_titles(splits, judged.probabilities, worst),
        learning_rates=_learning_rates(folder, splits),
        speed=found.get("speed"),
        stability=found.get("stability"),
        compressed=_compressed(folder),
        figures=evaluation_figures.figures(found),
    )


def _titles(splits: data.Splits, probabilities: np.ndarray, worst: np.ndarray) -> list[str]:
    labels, true = splits.info.labels, splits.test.y
    titles = []
    for example in worst:
        answer = probabilities[example].argmax()
        sure = probabilities[example, answer]
        how_sure = f" ({sure:.0%})" if np.isfinite(sure) else ""  # not so if training diverged
        titles.append(f"{labels[true[example]]}, said {labels[answer]}{how_sure}")
    return titles


def _learning_rates(folder: training.RunFolder, splits: data.Splits) -> list[tuple[float, float]]:
    config = training.resolve(folder.read_config(), {})
    steps = data.steps_per_epoch(splits.train, config.batch_size)
    return training.optimization.learning_rates(
        training.optimization.with_learning_rate(config), steps
    )


def _compressed(folder: training.RunFolder) -> Compressed | None:
    """What `tftrain compress` has left where it writes unless told otherwise."""
    written = folder.path / "compressed"
    table, plot = written / "compression.json", written / "compression.png"
    if not table.is_file():
        return None
    return Compressed(
        document=_read(table),
        picture=plot.read_bytes() if plot.is_file() else None,
        is_older=table.stat().st_mtime < folder.model.stat().st_mtime,
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunFolderError(
            f"{path} cannot be read: {error}; run `tftrain compress` again"
        ) from error
