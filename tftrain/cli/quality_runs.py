"""What `tftrain evaluate --quality` measures, and its flags."""

from __future__ import annotations

from collections.abc import Iterator

from absl import flags

from tftrain import data, evaluate, training
from tftrain.cli import trained
from tftrain.keras_api import keras
from tftrain.refusals import refusals


def define_flags(values: flags.FlagValues) -> None:
    """Which figures to tell."""
    flags.DEFINE_list(
        "metrics",
        None,
        f"of quality these alone: {', '.join(evaluate.known_metrics())}, top_K (default: tables)",
        flag_values=values,
    )


def problems(values: flags.FlagValues) -> Iterator[str]:
    """What is wrong with these flags."""
    if values.metrics is not None:
        yield from refusals(evaluate.check_metrics, values.metrics)


def measure(
    folder: training.RunFolder, model: keras.Model, splits: data.Splits, values: flags.FlagValues
) -> evaluate.Quality:
    """The quality of the model's answers on the test set.

    Raises:
        EvaluationError: The model is no classifier of these classes, or a metric needs examples
            of two classes.
    """
    return trained.judge(model, splits, values.metrics or ()).quality
