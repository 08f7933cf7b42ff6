"""tftrain evaluate RUN: judge a run's model on its test set.

Prints accuracy, loss, precision, recall and F1 of every class and the confusion matrix, and
writes them to RUN/evaluation.json, as `quality`.

Example:
  tftrain evaluate runs/digits-mlp-1
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from absl import flags

from tftrain import evaluate, training
from tftrain.cli import stability_runs, trained
from tftrain.keras_api import keras


def define_flags(values: flags.FlagValues) -> None:
    """What to measure."""
    flags.DEFINE_bool("stability", False, "measure how much accuracy moves", flag_values=values)
    stability_runs.define_flags(values)


def problems(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the command line."""
    yield from trained.one_run(positional)
    yield from stability_runs.problems(values)


def main(values: flags.FlagValues, positional: Sequence[str]) -> int:
    """Judges and prints."""
    folder = training.RunFolder.open(positional[0])
    model = trained.load_model(folder)
    quality = trained.judge(model, trained.load_splits(folder)).quality
    folder.add_evaluation(quality=quality.as_dict())
    print(f"accuracy  {quality.accuracy:.4f}\nloss      {quality.loss:.4f}\n")
    print(f"{_class_table(quality)}\n\n{_confusion_table(quality)}")
    if values.stability:
        _judge_stability(folder, model, values)
    return 0


def _judge_stability(
    folder: training.RunFolder, model: keras.Model, values: flags.FlagValues
) -> None:
    stability = stability_runs.measure(folder, model, trained.load_splits(folder), values)
    folder.add_evaluation(stability=stability.as_dict())
    print(f"\n{stability}")


def _class_table(quality: evaluate.Quality) -> str:
    width = max(len("class"), *map(len, quality.labels))
    rows = [f"{'class':{width}}  precision  recall     F1  examples"]
    for label, precision, recall, f1, support in zip(
        quality.labels, quality.precision, quality.recall, quality.f1, quality.support, strict=True
    ):
        rows.append(f"{label:{width}}  {precision:9.4f}  {recall:6.4f}  {f1:5.3f}  {support:8}")
    return "\n".join(rows)


def _confusion_table(quality: evaluate.Quality) -> str:
    width = max(5, *(len(label) + 1 for label in quality.labels))
    rows = ["confusion matrix (row: true class, column: predicted class)"]
    rows.append(" " * width + "".join(f"{label:>{width}}" for label in quality.labels))
    for label, counts in zip(quality.labels, quality.confusion, strict=True):
        rows.append(f"{label:>{width}}" + "".join(f"{count:{width}}" for count in counts))
    return "\n".join(rows)
