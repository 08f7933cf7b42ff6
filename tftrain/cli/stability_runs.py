"""What `tftrain evaluate --stability` measures, and its flags."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from absl import flags

from tftrain import data, evaluate, training
from tftrain.cli import repeated_trainings, trained
from tftrain.cli.repeated_trainings import Repetition
from tftrain.errors import UnknownName
from tftrain.evaluate import corruptions, precisions
from tftrain.keras_api import keras
from tftrain.refusals import refusals

STRATEGIES = ("one", "mirrored", "multiworker")
_PRECISIONS = ("float32", "bfloat16", "int8")
_NAMED = ("corruptions", "precisions", "strategies")
_NONE = "none"


def define_flags(values: flags.FlagValues) -> None:
    """What accuracy is measured over; what needs trainings is done only if asked for."""
    for name, default, meaning in (
        ("corruptions", ",".join(corruptions.NAMES), "of the test images, each at 5 strengths"),
        ("precisions", ",".join(_PRECISIONS), f"of {', '.join(precisions.NAMES)}"),
        ("strategies", None, f"train again under each of {', '.join(STRATEGIES)}"),
    ):
        also = "; or none" if default else ""
        flags.DEFINE_string(name, default, f"with --stability: {meaning}{also}", values)
    meaning = "with --stability: trainings that differ in their seed, the run itself the first"
    flags.DEFINE_integer("seeds", None, meaning, flag_values=values)


def problems(values: flags.FlagValues) -> Iterator[str]:
    """What is wrong with these flags."""
    if values.seeds is not None and values.seeds < 2:
        yield f"--seeds={values.seeds}: one training has no spread; expected at least 2"
    for name, check in (
        ("corruptions", corruptions.check_names),
        ("precisions", precisions.check_names),
        ("strategies", _check_strategies),
    ):
        if values[name].present and not values[name].value:
            yield f"--{name} is empty"
        else:
            yield from refusals(check, _names(values[name].value))
    if "stability" in values and not values["stability"].value:
        for name in (*_NAMED, "seeds"):
            if values[name].present:
                yield f"--{name} needs --stability"
    elif not any(_names(values[name].value) for name in _NAMED) and values.seeds is None:
        yield "--stability has nothing to measure: leave out --corruptions=none"


def train(folder: training.RunFolder, values: flags.FlagValues) -> None:
    """Does the trainings that are asked for and are not there yet.

    To be called before anything runs TensorFlow here, which would take the GPU's memory.

    Raises:
        EvaluationError: Trainings such as the run's cannot be repeated here.
        TrainingFailed: One ended without a model.
    """
    repetitions = [one for group in _repetitions(folder, values).values() for one in group]
    repeated_trainings.train(repetitions)


def measure(
    folder: training.RunFolder, model: keras.Model, splits: data.Splits, values: flags.FlagValues
) -> evaluate.Stability:
    """How much the accuracy of a run's model moves, over trainings that `train` has done too.

    Args:
        folder: A finished run.
        model: Its model.
        splits: Its data.
        values: The flags that `define_flags` defines.

    Raises:
        EvaluationError: Something cannot be measured of this run.
    """
    x, classes = splits.test.x, splits.info.classes
    seed = folder.read_config()["seed"]
    baseline = evaluate.predict(model, x, classes)
    repeated = {
        group: {one.case: functools.partial(_answers, one, x, classes) for one in repetitions}
        for group, repetitions in _repetitions(folder, values).items()
    }
    if "seeds" in repeated:
        repeated["seeds"] = {f"seed {seed}": lambda: baseline, **repeated["seeds"]}
    groups = {
        **repeated,
        "corruptions": corruptions.cases(
            model, x, classes, names=_names(values.corruptions), seed=seed
        ),
        "precisions": precisions.cases(
            model,
            x,
            classes,
            names=_names(values.precisions),
            representative=_training_images(splits, seed),
            seed=seed,
        ),
    }
    return evaluate.stability(splits.test.y, baseline, groups, progress=True)


def _repetitions(
    folder: training.RunFolder, values: flags.FlagValues
) -> dict[str, list[Repetition]]:
    found = {}
    if values.seeds is not None:
        found["seeds"] = repeated_trainings.over_seeds(folder, values.seeds)
    if names := _names(values.strategies):
        found["strategies"] = repeated_trainings.over_strategies(folder, names)
    return found


def _training_images(splits: data.Splits, seed: int) -> Any:
    if isinstance(splits.train, data.Examples):
        return splits.train.x
    return data.pipeline(splits.train, batch_size=32, seed=seed)


def _answers(one: Repetition, x: np.ndarray, classes: int) -> np.ndarray:
    return evaluate.predict(trained.load_model(one.folder), x, classes)


def _names(listed: str | None) -> list[str]:
    if listed in (None, _NONE):
        return []
    return list(dict.fromkeys(name.strip() for name in listed.split(",")))


def _check_strategies(names: Sequence[str]) -> None:
    for name in names:
        if name not in STRATEGIES:
            raise UnknownName("strategy to train again under", name, STRATEGIES)
