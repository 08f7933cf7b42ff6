"""tftrain compare RUN RUN...: several runs on their common test set, each beside the first.

Prints accuracy, loss and speed, the settings that differ, and whether each difference exceeds the
noise: by McNemar's exact test on the same test examples, corrected for the number of pairs, and,
where `tftrain evaluate --stability --seeds=K` has trained both with several seeds, by Welch's
t-test over those.

Examples:
  tftrain compare runs/digits-mlp-1 runs/digits-cnn-1
  tftrain compare runs/digits-mlp-1 runs/digits-cnn-1 --out=compared
  tftrain compare runs/digits-mlp-1 runs/digits-cnn-1 --json
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from tftrain import app, data, evaluate, training
from tftrain.atomic import replace_file
from tftrain.cli import trained
from tftrain.errors import EvaluationError
from tftrain.keras_api import require_tensorflow_backend

_FACTS = ("parameters", "epochs", "train_seconds", "examples_per_second", "engine")


def define_flags(values: flags.FlagValues) -> None:
    """How to answer, and where."""
    flags.DEFINE_bool("json", False, "print JSON instead of tables", flag_values=values)
    flags.DEFINE_string("out", None, "folder for comparison.json and comparison.png", values)


def problems(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the command line."""
    yield from trained.several_runs(positional)
    if values["out"].present and not values.out:
        yield "--out is empty"


def main(values: flags.FlagValues, positional: Sequence[str]) -> int:
    """Compares, prints, and writes if asked to."""
    require_tensorflow_backend()
    out = app.output_folder(Path(values.out).expanduser()) if values.out else None
    compared = compare([training.RunFolder.open(path) for path in positional])
    written = json.dumps(compared.as_dict(), indent=2)
    print(written if values.json else compared)
    if out:
        _write(compared, written, out)
    return 0


def compare(folders: Sequence[training.RunFolder]) -> evaluate.Comparison:
    """Compares finished runs, each with the first.

    Raises:
        EvaluationError: Fewer than two, or they are tested on different examples.
        RunFolderError: One has no model.
    """
    splits = _common_data(folders)
    return evaluate.compare(
        _names(folders),
        splits.test.y,
        [_answers(folder, splits) for folder in folders],
        facts=[_facts(folder) for folder in folders],
        settings=[_settings(folder) for folder in folders],
        seeds=[_over_seeds(folder) for folder in folders],
    )


def _common_data(folders: Sequence[training.RunFolder]) -> data.Splits:
    """The data of the first, once all are tested on the same, whatever name it goes by."""
    known: dict[tuple[str, str | None], data.Splits] = {}
    first, unlike = None, []
    for folder in folders:
        config = training.resolve(folder.read_config(), {})
        source = (config.dataset, config.data_dir)
        if source not in known:
            known[source] = trained.load_splits(folder)
        splits = known[source]
        first = first or splits
        if not _is_same(first, splits):
            unlike.append(
                f"{folder.path} is tested on {_described(splits)}, {folders[0].path} on "
                f"{_described(first)}: expected the same test examples"
            )
    if unlike:
        raise EvaluationError(unlike)
    return first


def _is_same(first: data.Splits, other: data.Splits) -> bool:
    """Whether the test sets hold the same examples; record sets have an order of their own."""
    return other is first or (
        first.info.classes == other.info.classes and _content(first.test) == _content(other.test)
    )


def _content(examples: data.Examples) -> list[tuple[bytes, int]]:
    return sorted(
        (hashlib.blake2b(image.tobytes(), digest_size=16).digest(), int(label))
        for image, label in zip(examples.x, examples.y, strict=True)
    )


def _described(splits: data.Splits) -> str:
    shape = "x".join(map(str, splits.info.shape))
    return (
        f"{len(splits.test)} examples of {splits.info.name} ({shape}, {splits.info.classes} "
        "classes)"
    )


def _names(folders: Sequence[training.RunFolder]) -> list[str]:
    """The folders' own names, or their paths where those are not enough to tell them apart."""
    names = [folder.path.resolve().name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder.path) for folder in folders]


def _answers(folder: training.RunFolder, splits: data.Splits) -> np.ndarray:
    return evaluate.predict(trained.load_model(folder), splits.test.x, splits.info.classes)


def _settings(folder: training.RunFolder) -> dict[str, Any]:
    """The run's settings; those in a section, as of fine-tuning, under both names.

    Lists of a section are what came of its settings, and too long for a table.
    """
    found = {}
    for name, value in folder.read_config().items():
        if not isinstance(value, dict):
            found[name] = value
        elif name != training.RECORDED:
            plain = {
                inner: one for inner, one in value.items() if not isinstance(one, (list, dict))
            }
            found |= {f"{name}: {inner}": one for inner, one in plain.items()}
    return found


def _facts(folder: training.RunFolder) -> dict[str, Any]:
    result = folder.read_result()
    return {name: result.get(name) for name in _FACTS}


def _over_seeds(folder: training.RunFolder) -> list[float]:
    with trained.naming_evaluation(folder):
        rows = folder.read_evaluation().get("stability", {}).get("rows", [])
        return [float(row["accuracy"]) for row in rows if row["group"] == "seeds"]


def _write(compared: evaluate.Comparison, written: str, out: Path) -> None:
    from tftrain.report import comparison_plot

    with replace_file(out / "comparison.json") as temporary:
        temporary.write_text(written + "\n", encoding="utf-8")
    with replace_file(out / "comparison.png") as temporary:
        figure = comparison_plot.figure(compared.as_dict())
        figure.savefig(temporary, format="png", dpi=110)
    print(f"written  {out / 'comparison.json'}\n         {out / 'comparison.png'}", file=sys.stderr)
