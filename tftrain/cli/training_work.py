"""What the commands that train do alike: where the run goes, what watches it, what it leaves."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from absl import flags

from tftrain import distribute, export, training
from tftrain.cli import recording, report, served_inputs
from tftrain.export import verification
from tftrain.keras_api import keras, tf

PARENT = Path("runs")


def define_flags(values: flags.FlagValues) -> None:
    """Where to write, what to record, whether to check the export."""
    flags.DEFINE_string("out", None, "run folder (default: the next free one in runs/)", values)
    flags.DEFINE_bool("overwrite", False, "replace the run in --out", flag_values=values)
    flags.DEFINE_bool("report", True, "write RUN/report.html", flag_values=values)
    flags.DEFINE_bool(
        "verify_export", True, "compare the SavedModel with the model before publishing", values
    )
    recording.define_flags(values)


def problems(values: flags.FlagValues) -> Iterator[str]:
    """What is wrong with these flags."""
    if values.overwrite and not values.out:
        yield "--overwrite needs --out: the run folder to replace"
    if values["out"].present and not values.out:
        yield "--out is empty"
    yield from recording.problems(values)


def new_folder(values: flags.FlagValues, name: str) -> training.RunFolder:
    """The one in --out; without it the next free one of that name."""
    if values.out:
        return training.RunFolder.create(values.out, overwrite=values.overwrite)
    return training.RunFolder.create_numbered(PARENT, name)


@contextlib.contextmanager
def folder_of(
    strategy: tf.distribute.Strategy, make: Callable[[], training.RunFolder]
) -> Iterator[training.RunFolder]:
    """The run's folder, locked, and gone again if the input turns out to be refused.

    Other workers than the one that writes have one for the time. They take the same steps, since
    many are collective, and stay until it has written.
    """
    if distribute.is_writer(strategy):
        folder = make()
        with folder.locked(), folder.gone_if_refused():
            yield folder
    else:
        with tempfile.TemporaryDirectory() as path:
            yield training.RunFolder(path)
    distribute.wait_for_writer(strategy)


def record(experiment: training.Experiment, folder: training.RunFolder, **sections: Any) -> None:
    """Writes config.json: settings, sections of the command's own, versions and machine."""
    environment = {**training.environment.describe(), "job": distribute.restarts.job()}
    settings = dataclasses.asdict(experiment.config)
    folder.write_json(folder.config, {**settings, **sections, training.RECORDED: environment})


def callbacks(
    experiment: training.Experiment, folder: training.RunFolder, first_epoch: int = 0
) -> list[keras.callbacks.Callback]:
    """What changes the steps, as the settings ask, and shows how far they are."""
    from tftrain import callbacks  # imports Keras, which --help must not wait for

    config, examples = experiment.config, len(experiment.splits.train)
    guard = config.nan_guard
    return [
        *([callbacks.GradientClipping(config.clip)] if config.clip else []),
        *([callbacks.NanGuard(guard, path=folder.nan_guard)] if guard else []),
        callbacks.Progress(examples, config.batch_size, first_epoch),
    ]


def starting_verification(
    model: keras.Model, values: flags.FlagValues
) -> Iterator[keras.callbacks.Callback]:
    """Lets the process start, which takes it seconds, while the model is tested and reported."""
    if values.verify_export and distribute.is_writer(model.distribute_strategy):
        yield keras.callbacks.LambdaCallback(on_train_end=lambda logs: verification.warm_up())


def export_and_report(
    experiment: training.Experiment, folder: training.RunFolder, values: flags.FlagValues
) -> Path:
    """Writes the page of a trained model and its SavedModel; gives the folder of that."""
    if values.report:
        report.write(folder, experiment.splits, experiment.model)
    else:
        folder.report.unlink(missing_ok=True)  # it would be of the run before it was gone on with
    return export.saved_model(
        experiment.model,
        folder.saved_model,
        verify=values.verify_export,
        **served_inputs.of(experiment.splits),
    )
