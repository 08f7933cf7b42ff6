"""tftrain compress RUN: prune, cluster and quantize a run's model, and say what each is worth.

Writes the Keras model and the LiteRT file of every step into RUN/compressed, with a table, a plot
and a page, and recommends the smallest variant whose accuracy on the test set is within the allowed
drop. Exit status 1 if none is; all is kept.

Examples:
  tftrain compress runs/digits-mlp-1 --prune=0.8 --cluster=16 --quantize=int8
  tftrain compress runs/digits-mlp-1 --quantize=int8 --max_accuracy_drop=0.002
  tftrain compress runs/digits-mlp-1 --prune=0.9 --epochs=5 --skip=probabilities
  tftrain compress runs/digits-mlp-1 --structure=2:4 --out=smaller
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from tftrain import app, augment, compress, data, optim, training
from tftrain.atomic import alone_in, replace_file
from tftrain.cli import trained
from tftrain.compress.plan import DENSE, Plan
from tftrain.errors import RunFolderError
from tftrain.keras_api import keras, require_tensorflow_backend
from tftrain.litert.modes import MODES
from tftrain.refusals import refusals
from tftrain.report import CompressionPage, render_compression

if TYPE_CHECKING:
    from tftrain.compress import Report, Variant

_FLAGS = (
    (flags.DEFINE_float, "prune", None, "share of zeros in kernels, as 0.8"),
    (flags.DEFINE_string, "structure", None, "of zeros: 2:4, or blocks as 4x1"),
    (flags.DEFINE_integer, "cluster", None, "different values a kernel may have, as 16"),
    (flags.DEFINE_string, "quantize", None, "|".join(MODES)),
    (flags.DEFINE_bool, "quantize_aware", None, "train for int8 (default: if clustered, to int8)"),
    (flags.DEFINE_float, "max_accuracy_drop", 0.01, "how much may be lost, as a share"),
    (flags.DEFINE_integer, "epochs", 2, "of each step that trains"),
    (flags.DEFINE_string, "optimizer", None, "instead of the run's, for these steps"),
    (flags.DEFINE_float, "learning_rate", None, "instead of the optimizer's"),
    (flags.DEFINE_integer, "rounds", 5, "turns of each program in timing; 0 times none"),
    (flags.DEFINE_string, "only", None, "layers to prune and cluster, by name: a,b"),
    (flags.DEFINE_string, "skip", None, "layers to leave alone, by name: a,b"),
    (flags.DEFINE_string, "out", None, "folder to write (default: RUN/compressed)"),
)


def define_flags(values: flags.FlagValues) -> None:
    """What to do, how long to train, where to write."""
    for define, name, default, meaning in _FLAGS:
        define(name, default, meaning, flag_values=values)


def problems(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the command line."""
    yield from trained.one_run(positional)
    if len(positional) == 1:
        yield from refusals(lambda: training.RunFolder.open(positional[0]).require_model())
    yield from refusals(_plan, values)
    if not 0 <= values.max_accuracy_drop <= 1:
        yield f"--max_accuracy_drop={values.max_accuracy_drop}: expected a share, 0 to 1"
    if values.epochs < 1:
        yield f"--epochs={values.epochs}: expected at least 1"
    if values.rounds < 0:
        yield f"--rounds={values.rounds}: expected 0 or more"
    if values.learning_rate is not None and not 0 < values.learning_rate < float("inf"):
        yield f"--learning_rate={values.learning_rate}: expected a positive number"
    if values.optimizer is not None:
        yield from refusals(optim.check_name, values.optimizer)
    for name in ("out", "only", "skip"):
        if values[name].present and not values[name].value:
            yield f"--{name} is empty"


def main(values: flags.FlagValues, positional: Sequence[str]) -> int:
    """Makes the variants, writes and compares them."""
    require_tensorflow_backend()
    folder = training.RunFolder.open(positional[0])
    model, splits = trained.load_model(folder), trained.load_splits(folder)
    out = app.output_folder(Path(values.out or folder.path / "compressed").expanduser())
    with alone_in(out, RunFolderError(f"another process is writing into {out}")):
        made, files = [], {}
        for variant in _variants(values, folder, model, splits):
            made.append(variant)
            files[variant.name] = _write(variant, out)
        report = compress.report(
            made,
            splits.test,
            max_accuracy_drop=values.max_accuracy_drop,
            labels=splits.info.labels,
            rounds=values.rounds,
            tell=_tell,
        )
        document, picture = report.save(out)
        page = _write_page(report, files, values, folder, out)
    print(f"{report}\n\nfiles    {out}\ntable    {document}\nplot     {picture}\npage     {page}")
    return 0 if report.recommended else 1


def _plan(values: flags.FlagValues) -> Plan:
    structure = values.structure
    if structure is not None and "x" in structure:
        sizes = structure.split("x")
        structure = tuple(int(size) if size.isdecimal() else size for size in sizes)
    return Plan(values.prune, structure, values.cluster, values.quantize, values.quantize_aware)


def _variants(
    values: flags.FlagValues, folder: training.RunFolder, model: keras.Model, splits: data.Splits
) -> Iterator[Variant]:
    config = training.resolve(folder.read_config(), {})
    if values.optimizer:
        optimizer = optim.optimizer(values.optimizer, values.learning_rate)
    else:
        optimizer = optim.one_rate(model.optimizer)  # tf_keras knows no rates by layer
    return compress.stages(
        model,
        plan=_plan(values),
        only=_names(values.only),
        skip=_names(values.skip) or (),
        epochs=values.epochs,
        batch_size=config.batch_size,
        seed=config.seed,
        optimizer=optimizer,
        learning_rate=None if values.optimizer else values.learning_rate,
        tell=_tell,
        **_training_data(config, splits, model),
    )


def _training_data(
    config: training.TrainConfig, splits: data.Splits, model: keras.Model
) -> dict[str, Any]:
    """What the run was trained on, augmented if it was, in the form its loss compares."""
    train = splits.train
    composition = config.augment and augment.by_name(
        config.augment, classes=splits.info.classes, dtype="float32"
    )
    if composition is None and isinstance(train, data.Examples):
        y = train.y
        if model.loss == "categorical_crossentropy":
            y = keras.utils.to_categorical(y, splits.info.classes)
        return {"train": (train.x, y)}
    batches = data.pipeline(
        train,
        batch_size=config.batch_size,
        seed=config.seed,
        cache=config.cache,
        augment=composition,
        repeat=True,
    )
    steps = data.steps_per_epoch(train, config.batch_size)
    return {"train": batches, "steps_per_epoch": steps}


def _names(listed: str | None) -> list[str] | None:
    return None if listed is None else [name.strip() for name in listed.split(",")]


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


def _write(variant: Variant, out: Path) -> list[str]:
    """Writes the variant's files, each of which appears whole; their names."""
    names = []
    if variant.model is not None and variant.name != DENSE:  # that is the run's own file
        with replace_file(out / f"{variant.name}.keras") as temporary:
            variant.model.save(temporary)
        names.append(f"{variant.name}.keras")
    if variant.lite is not None:
        variant.lite.save(out / f"{variant.name}.tflite")
        names.append(f"{variant.name}.tflite")
    return names


def _write_page(
    report: Report,
    files: dict[str, list[str]],
    values: flags.FlagValues,
    folder: training.RunFolder,
    out: Path,
) -> Path:
    given = {name: values[name].value for _, name, *_ in _FLAGS if values[name].value is not None}
    page = CompressionPage(
        title=folder.path.resolve().name,
        report=report,
        files=files,
        settings={"run": folder.path, **given},
        environment=training.environment.describe(),
    )
    with replace_file(out / "compression.html") as temporary:
        temporary.write_text(render_compression(page), encoding="utf-8")
    return out / "compression.html"
