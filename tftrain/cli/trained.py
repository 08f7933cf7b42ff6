"""A finished run, loaded: what evaluate, export and report start from."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from tftrain import data, evaluate, training
from tftrain.errors import TftrainError
from tftrain.keras_api import keras
from tftrain.refusals import refusals
from tftrain.training.finetuning.sources import model_of


@dataclasses.dataclass(frozen=True)
class Judged:
    """A model's answers on its test set.

    Attributes:
        probabilities: `[N, K]`.
        quality: What they are worth.
    """

    probabilities: np.ndarray
    quality: evaluate.Quality


def one_run(positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the arguments of a command that takes one run folder."""
    if len(positional) != 1:
        received = f"{len(positional)}: {' '.join(positional)}" if positional else "none"
        yield f"expected one run folder, received {received}"


def several_runs(positional: Sequence[str]) -> Iterator[str]:
    """The same for a command that takes two or more runs that have a model."""
    if len(positional) < 2:
        received = f"one: {positional[0]}" if positional else "none"
        yield f"expected two or more run folders, received {received}"
    for path in dict.fromkeys(positional):
        yield from refusals(lambda path=path: training.RunFolder.open(path).require_model())


def load_model(folder: training.RunFolder) -> keras.Model:
    """The run's trained model.

    Raises:
        RunFolderError: There is none, or its file is damaged.
    """
    return model_of(folder)


def load_splits(folder: training.RunFolder) -> data.Splits:
    """The data the run was trained and tested on."""
    config = training.resolve(folder.read_config(), {})
    return data.load(config.dataset, data_dir=config.data_dir)


@contextlib.contextmanager
def naming_evaluation(folder: training.RunFolder) -> Iterator[None]:
    """While the run's evaluation is read: what is not as this version writes it is named.

    Raises:
        RunFolderError: Of such an evaluation.
    """
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, TftrainError) or not folder.evaluation.is_file():
            raise
        raise folder.unknown_evaluation(
            f"{folder.evaluation} does not hold what this version of tftrain writes"
        ) from error


def judge(model: keras.Model, splits: data.Splits, metrics: Sequence[str] = ()) -> Judged:
    """The model's answers on the test set, judged; the temperature is of the validation examples.

    Raises:
        EvaluationError: The model is no classifier of these classes, or what is asked for cannot
            be told from these examples.
    """
    test, held_out, classes = splits.test, splits.validation, splits.info.classes
    probabilities = evaluate.predict(model, test.x, classes)
    validation = held_out and (held_out.y, evaluate.predict(model, held_out.x, classes))
    quality = evaluate.quality(
        test.y, probabilities, splits.info.labels, validation=validation, metrics=metrics
    )
    return Judged(probabilities, quality)
