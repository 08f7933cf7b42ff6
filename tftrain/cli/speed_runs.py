"""What `tftrain evaluate --speed` measures, and its flags."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from absl import flags

from tftrain import data, evaluate, training
from tftrain.keras_api import keras
from tftrain.notices import notice

_BATCHES = (1, 32, 256)


def define_flags(values: flags.FlagValues) -> None:
    """What to time, and how long."""
    default = ",".join(map(str, _BATCHES))
    flags.DEFINE_list(
        "batches",
        None,
        f"with --speed: sizes of batches to answer (default: {default})",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "rounds",
        10,
        "with --speed: turns of 0.05 s that each program has",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_bool(
        "startup",
        True,
        "with --speed: start a process, to time it and to see its memory",
        flag_values=values,
    )


def problems(values: flags.FlagValues) -> Iterator[str]:
    """What is wrong with these flags."""
    if values.batches is not None and not (values.batches and all(map(_is_size, values.batches))):
        yield f"--batches={','.join(values.batches)}: expected sizes, such as 1,32,256"
    if not values["speed"].value:
        for name in ("batches", "rounds", "startup"):
            if values[name].present:
                yield f"--{name} needs --speed"


def measure(
    folder: training.RunFolder, model: keras.Model, splits: data.Splits, values: flags.FlagValues
) -> evaluate.Speed:
    """The model's speed on this machine, training with the run's batches."""
    batches = [int(each) for each in values.batches or _BATCHES]
    start = "starting a process, then " if values.startup else ""
    programs = 2 * len(batches) + 1
    notice(f"{start}timing {programs} programs in {values.rounds} turns of 0.05 s or three calls")
    return evaluate.speed(
        model,
        splits.test.x,
        train=_training_batch(folder, model, splits),
        batches=batches,
        rounds=values.rounds,
        model_file=folder.model if values.startup else None,
    )


def _training_batch(
    folder: training.RunFolder, model: keras.Model, splits: data.Splits
) -> tuple[np.ndarray, Any]:
    """Images and what the model's loss compares its answers with."""
    size = training.resolve(folder.read_config(), {}).batch_size
    if isinstance(splits.train, data.Examples):
        x, y = splits.train.x[:size], splits.train.y[:size]
    else:
        batch = next(iter(data.pipeline(splits.train, batch_size=size, shuffle=False)))
        x, y = (part.numpy() for part in batch)
    if model.loss == "categorical_crossentropy":  # as where augmentation mixes labels
        y = keras.utils.to_categorical(y, splits.info.classes)
    return x, y


def _is_size(text: str) -> bool:
    return text.isdecimal() and int(text) > 0
