"""tftrain finetune RUN: go on from a run's model, on other data, into a run folder of its own.

The model gets a new head for the dataset's classes (--keep_head leaves it). Depth counts the layers
with weights; --freeze from the input, --unfreeze from the output.

Examples:
  tftrain finetune runs/digits-mlp-1 --epochs=5 --learning_rate=1e-4 --keep_head
  tftrain finetune runs/mnist-cnn-1 --dataset=fashion_mnist --labels_per_class=50 --freeze=-1
  tftrain finetune runs/mnist-cnn-1 --dataset=records:sets/letters --layer_decay=0.4
  tftrain finetune runs/mnist-cnn-1 --dataset=fashion_mnist --freeze=-1 --unfreeze='2:2,4:*'
  tftrain finetune runs/mnist-cnn-1 --dataset=fashion_mnist --freeze='conv*' --out=runs/tuned
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

from tftrain import augment, data, distribute, training
from tftrain.cli import arguments, recording, run_summary, trained, training_work
from tftrain.errors import FineTuningError
from tftrain.keras_api import require_tensorflow_backend
from tftrain.refusals import refusals
from tftrain.training.finetuning import Settings, rates, selection, stages
from tftrain.training.finetuning import prepare as prepare_model

_DEFINE = {str: flags.DEFINE_string, int: flags.DEFINE_integer, float: flags.DEFINE_float}
_EPOCHS = 10
# The others belong to the model that is there, or to a training from the beginning.
_SETTINGS = (
    *("dataset", "data_dir", "cache", "augment", "epochs", "batch_size", "optimizer"),
    *("learning_rate", "momentum", "weight_decay", "schedule", "warmup", "clip", "seed"),
    *("strategy", "devices", "mesh", "layout", "stages", "micro_batches", "engine", "nan_guard"),
)
_FLAGS = (
    (flags.DEFINE_string, "freeze", "layers not trained: 3, -1 (all but one), 0.5, or conv*+dense"),
    (flags.DEFINE_string, "unfreeze", "after epochs, more layers: 2:dense,4:*, or 2:2,4:0.5"),
    (flags.DEFINE_float, "layer_decay", "of the learning rate, a layer, from the output: 0.4"),
    (flags.DEFINE_string, "head", "the Dense layer to replace (default: the last)"),
    (flags.DEFINE_integer, "labels_per_class", "train on so many examples of each class"),
)


def define_flags(values: flags.FlagValues) -> None:
    """What to train on, what to train, where to write."""
    fields = {field.name: field for field in dataclasses.fields(training.TrainConfig)}
    for name in _SETTINGS:
        field, default = fields[name], _DEFAULTS.get(name, fields[name].default)
        shown = "" if default is None else f" (default: {default})"
        define = _DEFINE[field.metadata["kind"]]
        define(name, None, field.metadata["help"] + shown, flag_values=values)
    for define, name, meaning in _FLAGS:
        define(name, None, meaning, flag_values=values)
    flags.DEFINE_bool("keep_head", False, "the classes are the same ones", flag_values=values)
    training_work.define_flags(values)


_DEFAULTS = {"dataset": "the run's", "epochs": _EPOCHS}


def problems(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the command line, in full sentences."""
    yield from trained.one_run(positional)
    yield from training_work.problems(values)
    for name in ("freeze", "unfreeze", "head"):
        if values[name].present and not values[name].value:
            yield f"--{name} is empty"
    if values.keep_head and values.head:
        yield "--keep_head and --head contradict each other: give one of them"
    if values.labels_per_class is not None and values.labels_per_class < 1:
        yield f"--labels_per_class={values.labels_per_class}: expected 1 or more"
    yield from rates.problems(values.layer_decay)
    yield from _layer_problems(values)
    if values.out:
        folder = training.RunFolder(values.out)
        yield from refusals(folder.check_free, overwrite=values.overwrite, resumable=False)
    if len(positional) == 1:
        if values.out and Path(values.out).resolve() == Path(positional[0]).resolve():
            yield f"--out={values.out} is the run that is to be fine-tuned: give another folder"
        found = list(refusals(lambda: training.RunFolder.open(positional[0]).require_model()))
        yield from found or refusals(_resolve, values, positional[0])


def _layer_problems(values: flags.FlagValues) -> Iterator[str]:
    freeze = selection.parse(values.freeze) if values.freeze else None
    wrong = list(refusals(lambda: _schedule(values)))
    schedule = None if wrong else _schedule(values)
    yield from wrong
    yield from stages.problems(freeze, schedule, values.epochs or _EPOCHS)


def main(values: flags.FlagValues, positional: Sequence[str]) -> int:
    """Fine-tunes, evaluates, exports and reports."""
    require_tensorflow_backend()
    source = training.RunFolder.open(positional[0])
    config = _resolve(values, positional[0])
    strategy = training.make_strategy(config)  # before anything makes TensorFlow run
    print(f"reading {config.dataset} ...", file=sys.stderr)
    splits = _splits(config, values)
    experiment, prepared = _prepare(config, splits, strategy, source, values)
    name = f"{data.short_name(config.dataset)}-{config.model}-finetuned"
    made = functools.partial(training_work.new_folder, values, name)
    with training_work.folder_of(strategy, made) as folder:
        if distribute.is_writer(strategy):
            print(_told(prepared), file=sys.stderr)
        with _telling_how_to_start_again(folder, source):
            exported = _work(experiment, prepared, folder, source, values)
        if distribute.is_writer(strategy):
            folder.discard_previous()
            print(run_summary.of(folder, exported))
    return 0


@contextlib.contextmanager
def _telling_how_to_start_again(
    folder: training.RunFolder, source: training.RunFolder
) -> Iterator[None]:
    paths = [shlex.quote(str(each.path)) for each in (source, folder)]
    try:
        yield
    except KeyboardInterrupt:
        run_summary.print_interrupted(
            folder,
            f"start again with: tftrain finetune {paths[0]} ... --out={paths[1]} --overwrite",
        )
        raise


def _work(
    experiment: training.Experiment,
    prepared: training.finetuning.Prepared,
    folder: training.RunFolder,
    source: training.RunFolder,
    values: flags.FlagValues,
) -> Path:
    """Gives the folder of the SavedModel."""
    experiment = training.with_engine(experiment)
    described = {training.FINETUNED: _described(prepared, source, values)}
    training_work.record(experiment, folder, **described)
    shown = [
        prepared.thawing,
        *training_work.callbacks(experiment, folder),
        *training_work.starting_verification(experiment.model, values),
        *recording.callbacks(values, folder, experiment),
    ]
    training.run(experiment, folder, shown)
    return training_work.export_and_report(experiment, folder, values)


def _prepare(
    config: training.TrainConfig,
    splits: data.Splits,
    strategy: Any,
    source: training.RunFolder,
    values: flags.FlagValues,
) -> tuple[training.Experiment, training.finetuning.Prepared]:
    training.seed_everything(config.seed)
    composition = config.augment and augment.by_name(
        config.augment, classes=splits.info.classes, dtype="float32"
    )
    mixes = bool(composition) and composition.mixes_labels
    config = training.optimization.with_learning_rate(config)
    steps = data.steps_per_epoch(splits.train, config.batch_size)
    with strategy.scope():
        optimizer = training.optimization.make_optimizer(config, steps)
    settings = Settings(
        classes=None if values.keep_head else splits.info.classes,
        head=values.head,
        freeze=selection.parse(values.freeze) if values.freeze else 0,
        unfreeze_schedule=_schedule(values),
        layer_decay=values.layer_decay,
        optimizer=optimizer,
        loss="categorical_crossentropy" if mixes else "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        epochs=config.epochs,
    )
    experiment = training.Experiment(config, splits, None, composition or None)
    test = (config.dataset, *experiment.pair(splits.test))
    prepared = prepare_model(source, settings, strategy, [test])
    return dataclasses.replace(experiment, model=prepared.model), prepared


def _resolve(values: flags.FlagValues, run: str) -> training.TrainConfig:
    before = training.resolve(training.RunFolder.open(run).read_config(), {})
    names = [name for name in arguments.given(values) if name in _SETTINGS]
    given = {name: values[name].value for name in names}
    kept = {"model": before.model, "epochs": _EPOCHS}
    if "dataset" not in given:
        kept |= {"dataset": before.dataset, "data_dir": before.data_dir, "cache": before.cache}
    return training.resolve(kept, given)


def _schedule(values: flags.FlagValues) -> stages.Schedule | None:
    return stages.parse_schedule(values.unfreeze) if values.unfreeze else None


def _splits(config: training.TrainConfig, values: flags.FlagValues) -> data.Splits:
    splits = data.load(config.dataset, data_dir=config.data_dir)
    if values.labels_per_class is None:
        return splits
    if not isinstance(splits.train, data.Examples):
        raise FineTuningError(
            [f"--labels_per_class needs examples in memory; {config.dataset} is a record set"]
        )
    few = training.few_labels(splits.train, values.labels_per_class, seed=config.seed)
    return dataclasses.replace(splits, train=few)


def _described(
    prepared: training.finetuning.Prepared, source: training.RunFolder, values: flags.FlagValues
) -> dict[str, Any]:
    """What config.json says beside the settings."""
    given = {name: values[name].value for _, name, _ in _FLAGS}
    return {
        "source": str(source.path.resolve()),
        **{name: value for name, value in given.items() if value is not None},
        "stages": [dataclasses.asdict(stage) for stage in prepared.stages],
        "skipped": prepared.loading.skipped if prepared.loading else {},
    }


def _told(prepared: training.finetuning.Prepared) -> str:
    lines = [str(prepared.loading)] if prepared.loading else []
    for stage in prepared.stages:
        lines.append(f"from epoch {stage.epochs_before + 1}, trained: {', '.join(stage.trained)}")
    return "\n".join(lines)
