"""tftrain train: train a model and leave a run folder with everything about it.

With no flags it trains a multilayer perceptron on the embedded digits.

Examples:
  tftrain train
  tftrain train --model=cnn --dataset=mnist --data_dir=$HOME/data --epochs=5
  tftrain train --config=runs/digits-mlp-1/config.json --out=runs/again
  tftrain train --resume --out=runs/digits-mlp-1
  tftrain train --epochs=1000 --checkpoint_every_secs=300
  tftrain train --optimizer=sgd --momentum=0.9 --learning_rate=0.1 --schedule=cosine --warmup=5%
  tftrain train --optimizer=sgd --find_learning_rate
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from tftrain import data, distribute, training
from tftrain.cli import arguments, learning_rate, recording, run_summary, saving, training_work
from tftrain.errors import BadInput, CheckpointError, Preempted, RunFolderError
from tftrain.keras_api import require_tensorflow_backend
from tftrain.refusals import refusals

_DEFINE = {str: flags.DEFINE_string, int: flags.DEFINE_integer, float: flags.DEFINE_float}
_CHANGED_BY_RESUME = ("epochs",)


def define_flags(values: flags.FlagValues) -> None:
    """A flag a setting, and the flags that say where to write."""
    for field in dataclasses.fields(training.TrainConfig):
        shown = "" if field.default is None else f" (default: {field.default})"
        define = _DEFINE[field.metadata["kind"]]
        define(field.name, None, field.metadata["help"] + shown, flag_values=values)
    flags.DEFINE_string("config", None, "JSON or YAML file of settings", flag_values=values)
    flags.DEFINE_bool("resume", False, "go on with the run in --out", flag_values=values)
    flags.DEFINE_bool(
        "find_learning_rate", False, "suggest a rate, draw why, train nothing", flag_values=values
    )
    saving.define_flags(values)
    training_work.define_flags(values)


def problems(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the command line, in full sentences."""
    if positional:
        yield f"unexpected argument {positional[0]!r}: train takes flags only"
    if values.resume and not values.out:
        yield "--resume needs --out: the run folder to go on with"
    if values.find_learning_rate:
        yield from learning_rate.problems(values)
    if values.overwrite and values.resume:
        yield "--overwrite and --resume contradict each other: give one of them"
    yield from saving.problems(values)
    yield from training_work.problems(values)
    if _restarted(values):  # the job's first start has checked the same flags
        return
    if values.resume:
        given = [] if values.force_resume else _given_settings(values)
        fixed = [name for name in (*given, "config") if values[name].present]
        for name in sorted(set(fixed) - set(_CHANGED_BY_RESUME)):
            remedy = "" if name == "config" else "; --force_resume goes on with another"
            yield f"--{name} cannot be changed by --resume: the run's own setting holds{remedy}"
        return
    if values["config"].present and not values.config:
        yield "--config is empty"
    if values.out and not values.find_learning_rate:
        folder = training.RunFolder(values.out)
        yield from refusals(folder.check_free, overwrite=values.overwrite)
    yield from refusals(_resolve, values)


def main(values: flags.FlagValues, positional: Sequence[str]) -> int:
    """Trains, evaluates, exports and reports."""
    require_tensorflow_backend()
    resumed = _run_to_resume(values)
    config = _resume_config(resumed, values) if resumed else _resolve(values)
    strategy = training.make_strategy(config)  # before anything makes TensorFlow run
    print(f"reading {config.dataset} ...", file=sys.stderr)
    splits = data.load(config.dataset, data_dir=config.data_dir)
    if values.find_learning_rate:
        experiment = training.prepare(learning_rate.searched(config), splits, strategy)
        out = Path(values.out or training_work.PARENT / _name(config))
        return learning_rate.find(experiment, out)
    experiment = training.prepare(config, splits, strategy)
    made = functools.partial(training_work.new_folder, values, _name(config))
    with training_work.folder_of(strategy, lambda: resumed or made()) as folder:
        if not resumed:  # a run from now on, however soon it is killed
            training_work.record(experiment, folder)
        with _telling_how_to_go_on(folder, distribute.is_writer(strategy)):
            exported = _work(experiment, folder, resumed, values)
        if distribute.is_writer(strategy):
            folder.discard_previous()
            print(run_summary.of(folder, exported))
    return 0


def _work(
    experiment: training.Experiment,
    folder: training.RunFolder,
    resumed: training.RunFolder | None,
    values: flags.FlagValues,
) -> Path:
    """Gives the folder of the SavedModel."""
    first_epoch = _epochs_behind(resumed) if resumed else 0
    experiment = training.with_engine(experiment)
    before = resumed.read_config() if resumed else None
    training_work.record(experiment, folder)
    folder.keep_metrics(first_epoch)
    try:
        _train(experiment, folder, first_epoch, values)
    except CheckpointError:
        if before is not None:
            folder.write_json(folder.config, before)
        raise
    return training_work.export_and_report(experiment, folder, values)


def _run_to_resume(values: flags.FlagValues) -> training.RunFolder | None:
    restarted = _restarted(values)
    if not (values.resume or restarted):
        return None
    folder = training.RunFolder.open(values.out)
    if training.FINETUNED in folder.read_config():
        raise RunFolderError(
            f"{values.out} is a fine-tuned run, which cannot be gone on with; "
            f"`tftrain finetune RUN --out={values.out} --overwrite` makes it again"
        )
    if restarted:
        epochs = len(folder.read_metrics())
        count = distribute.restarts.restarts()
        start = f"restart {count}" if count else "started again"
        print(f"{start}: going on with {folder.path} after {epochs} epochs", file=sys.stderr)
    return folder


def _restarted(values: flags.FlagValues) -> bool:
    """Whether this very job began the run in --out, and a launcher has started it again."""
    if not values.out or not distribute.restarts.may_be_again():
        return False
    folder = training.RunFolder(values.out)
    if not folder.config.is_file():
        return False
    recorded = folder.read_config().get(training.RECORDED, {})
    return recorded.get("job") == distribute.restarts.job()


def _epochs_behind(resumed: training.RunFolder) -> int:
    """The number of epochs behind the newest checkpoint, which the training takes up itself."""
    from tftrain import callbacks

    logged = len(resumed.read_metrics())
    epochs = callbacks.position_in(resumed.checkpoints).epoch
    # Lines are written before checkpoints, of which the newest may be damaged.
    if epochs > logged or (logged and not resumed.checkpoints.is_dir()):
        raise RunFolderError(
            f"{resumed.path} has {logged} epochs in metrics.jsonl, but its checkpoint has "
            f"{epochs}: the folder is damaged; --overwrite starts again"
        )
    return epochs


def _train(
    experiment: training.Experiment,
    folder: training.RunFolder,
    first_epoch: int,
    values: flags.FlagValues,
) -> None:
    from tftrain import callbacks

    shown = [
        *training_work.callbacks(experiment, folder, first_epoch),
        callbacks.GradientBytes(),
        *training_work.starting_verification(experiment.model, values),
        *recording.callbacks(values, folder, experiment),
        *saving.callbacks(values, folder, experiment),
    ]
    training.run(experiment, folder, shown, first_epoch)


@contextlib.contextmanager
def _telling_how_to_go_on(folder: training.RunFolder, writes: bool) -> Iterator[None]:
    command = f"tftrain train --resume --out={shlex.quote(str(folder.path))}"
    try:
        yield
    except KeyboardInterrupt:
        run_summary.print_interrupted(folder, f"go on with: {command}")
        raise
    except Preempted as error:
        raise saving.told_how_to_go_on(error, command) if writes else error from None


def _given_settings(values: flags.FlagValues) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(training.TrainConfig)}
    return {name: values[name].value for name in arguments.given(values) if name in names}


def _resolve(values: flags.FlagValues) -> training.TrainConfig:
    file = training.read_file(values.config) if values.config else {}
    if training.FINETUNED in file:
        raise BadInput(
            f"{values.config} is of a fine-tuned run, whose weights come from another: "
            "`tftrain finetune` makes one; leave out its section 'finetuning' to train from scratch"
        )
    return training.resolve(file, _given_settings(values))


def _resume_config(folder: training.RunFolder, values: flags.FlagValues) -> training.TrainConfig:
    config = training.resolve(folder.read_config(), _given_settings(values))
    done = len(folder.read_metrics())
    if config.epochs < done:
        raise RunFolderError(
            f"{folder.path} has {done} epochs behind it; --epochs={config.epochs} is fewer"
        )
    return config


def _name(config: training.TrainConfig) -> str:
    return f"{data.short_name(config.dataset)}-{config.model}"
