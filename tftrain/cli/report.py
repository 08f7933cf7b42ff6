"""tftrain report RUN: write RUN/report.html, a page that needs no other file.

It shows the learning curves, the classes, the confusion matrix, the worst mistakes, the
configuration and the environment.

Example:
  tftrain report runs/digits-mlp-1
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from absl import flags

from tftrain import data, evaluate, training
from tftrain.atomic import replace_file
from tftrain.cli import trained
from tftrain.keras_api import keras
from tftrain.report import RunReport, render

_MISTAKES = 24


def define_flags(values: flags.FlagValues) -> None:
    """No flags of its own."""


def problems(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the command line."""
    return trained.one_run(positional)


def main(values: flags.FlagValues, positional: Sequence[str]) -> int:
    """Writes the page and prints its path."""
    folder = training.RunFolder.open(positional[0])
    model = trained.load_model(folder)
    write(folder, trained.load_splits(folder), model)
    print(folder.report)
    return 0


def write(folder: training.RunFolder, splits: data.Splits, model: keras.Model) -> None:
    """Judges the model and writes the run's page."""
    judged = trained.judge(model, splits)
    test, labels = splits.test, splits.info.labels
    worst = evaluate.worst_mistakes(test.y, judged.probabilities, _MISTAKES)
    predicted = judged.probabilities.argmax(axis=1)
    config = folder.read_config()
    environment = config.pop("environment", {})
    page = render(
        RunReport(
            title=folder.path.resolve().name,
            config=config,
            environment=environment,
            result=folder.read_result(),
            metrics=folder.read_metrics(),
            quality=judged.quality.as_dict(),
            mistakes=test.x[worst],
            mistake_titles=[f"{labels[test.y[i]]}, said {labels[predicted[i]]}" for i in worst],
            learning_rates=_learning_rates(folder, splits),
        )
    )
    with replace_file(folder.report) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _learning_rates(folder: training.RunFolder, splits: data.Splits) -> list[tuple[float, float]]:
    config = training.resolve(folder.read_config(), {})
    steps = data.steps_per_epoch(splits.train, config.batch_size)
    return training.optimization.learning_rates(
        training.optimization.with_learning_rate(config), steps
    )
