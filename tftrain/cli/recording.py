"""Flags about what a training records epoch by epoch, and the callbacks that do it."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

from absl import flags

from tftrain import distribute, training

_EVERY = 16  # steps between two that are measured: what the others cost cannot be measured


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags."""
    flags.DEFINE_bool(
        "gradient_norms", True, f"record the gradient's norm, of every {_EVERY}th step", values
    )
    flags.DEFINE_bool(
        "tensorboard",
        False,
        "write RUN/tensorboard too (pip install 'tftrain[tensorboard]')",
        values,
    )


def problems(values: flags.FlagValues) -> Iterator[str]:
    """What is wrong with these flags."""
    if values.tensorboard and importlib.util.find_spec("tensorboard") is None:
        yield (
            "--tensorboard needs the package tensorboard, which is not installed: "
            "pip install 'tftrain[tensorboard]'"
        )


def callbacks(
    values: flags.FlagValues, folder: training.RunFolder, experiment: training.Experiment
) -> list[Any]:
    """The callbacks that record, in their order; they come after those that change the step."""
    from tftrain import callbacks  # imports Keras, which --help must not wait for
    from tftrain.keras_api import keras

    logs = folder.path / "tensorboard"
    monitor = callbacks.ResourceMonitor(
        folder.path, tensorboard_dir=logs / "train" if values.tensorboard else None
    )
    # Keras keeps training and validation apart, in the folders of these names.
    board = [keras.callbacks.TensorBoard(logs, write_graph=False)] if values.tensorboard else []
    norms = [callbacks.GradientStatistics(stop=False, every=_EVERY)]
    return [
        *(norms if values.gradient_norms and _can_measure(experiment) else []),
        monitor,
        callbacks.MetricsLog(folder.metrics, resources=monitor),
        callbacks.LiveStatus(_seen_by_all(values, folder, experiment), resources=monitor),
        *board,
    ]


def _seen_by_all(
    values: flags.FlagValues, folder: training.RunFolder, experiment: training.Experiment
) -> str | None:
    """The run's folder; workers but the chief, whose own goes with them, know it if it is given."""
    is_writer = distribute.is_writer(experiment.model.distribute_strategy)
    return str(folder.path) if is_writer else values.out


def _can_measure(experiment: training.Experiment) -> bool:
    """Whether the gradient of the whole step can be had, and clipping does not log it anyway."""
    strategy = experiment.model.distribute_strategy
    return experiment.config.clip is None and distribute.aggregates_gradients(strategy)
