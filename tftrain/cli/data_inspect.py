"""tftrain data inspect DIR: show what a record set holds.

Prints schema, counts and the balance of classes, and draws some pictures of every class into a
PNG: by default NAME.png in the current folder, NAME being the set's folder.

Examples:
  tftrain data inspect records/digits
  tftrain data inspect records/digits --split=test --out=digits-test.png
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from absl import flags

from tftrain.atomic import replace_file
from tftrain.cli import data_verify
from tftrain.data.records.record_set import RecordSet, RecordSplit
from tftrain.errors import BadInput, UnknownName

_PICTURES, _COLUMNS = 40, 8
_BAR = 24


def define_flags(values: flags.FlagValues) -> None:
    """Which split, which picture."""
    flags.DEFINE_string("split", "train", "whose classes and pictures to show", flag_values=values)
    flags.DEFINE_string("out", None, "PNG to write (default: NAME.png here)", flag_values=values)
    flags.DEFINE_string("key", None, "key file the set was signed with", flag_values=values)


def problems(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the command line."""
    yield from data_verify.one_set(positional)
    yield from data_verify.usable_key(values)
    out = values["out"].value
    if out is not None and Path(out).suffix.lower() != ".png":
        yield f"--out={out}: expected the name of a .png file"
    if out is not None and not Path(out).expanduser().parent.is_dir():
        yield f"--out={out}: the folder does not exist"


def main(values: flags.FlagValues, positional: Sequence[str]) -> int:
    """Prints and draws."""
    from tftrain.data import records

    opened = records.open(positional[0], key=values["key"].value)
    if values["split"].value not in opened.splits:
        raise UnknownName("split", values["split"].value, opened.splits)
    split = opened.splits[values["split"].value]
    print(f"{_facts(opened)}\n\n{_split_table(opened)}\n\n{_class_table(split)}")
    if len(opened.info.shape) == 3 and opened.info.shape[-1] in (1, 3):
        out = values["out"].value or f"{opened.path.resolve().name}.png"
        print(f"\npictures    {_draw(split, Path(out).expanduser())}")
    elif values["out"].value:
        raise BadInput(f"no picture to draw: examples have the shape {opened.info.shape}")
    return 0


def _facts(opened: RecordSet) -> str:
    manifest, info = opened.manifest, opened.info
    schema = manifest.schema
    kind = "image files" if schema.encoding == "image" else "raw bytes"
    facts = {
        "dataset": info.name,
        "source": info.source,
        "licence": info.licence,
        "x": f"{schema.dtype} {list(schema.shape)} as {kind}, {info.scale:g} becomes 1.0",
        "columns": ", ".join(schema.columns),
        "y": f"int64, {info.classes} classes",
        "compression": manifest.compression,
        "written by": f"{manifest.writer}, {'signed' if manifest.signed else 'not signed'}",
        "fingerprint": opened.fingerprint,
    }
    return "\n".join(f"{name:11} {value}" for name, value in facts.items() if value)


def _split_table(opened: RecordSet) -> str:
    rows = [f"{'split':11} {'examples':>10} {'files':>6} {'bytes':>15}"]
    for name, split in opened.splits.items():
        size = sum(shard.bytes for shard in split.shards)
        rows.append(f"{name:11} {len(split):10,} {len(split.shards):6} {size:15,}")
    return "\n".join(rows)


def _class_table(split: RecordSplit) -> str:
    counts = np.sum([shard.per_class for shard in split.shards], axis=0)
    width = max(11, *(len(label) for label in split.info.labels))
    rows = [f"{f'class ({split.name})':{width}} {'examples':>10}  share"]
    for label, count in zip(split.info.labels, counts, strict=True):
        bar = "#" * round(_BAR * count / counts.max())
        rows.append(f"{label:{width}} {count:10,} {count / counts.sum():6.1%} {bar}")
    return "\n".join(rows)


def _draw(split: RecordSplit, out: Path) -> Path:
    from tftrain.report.plots import image_grid

    images, titles = _some_of_each_class(split)
    figure = image_grid(images / split.info.scale, titles, _COLUMNS)
    with replace_file(out) as temporary:
        figure.savefig(temporary, dpi=110)
    return out


def _some_of_each_class(split: RecordSplit) -> tuple[np.ndarray, list[str]]:
    """The first examples of the first classes, as many of each, in the order of the classes."""
    classes = min(split.info.classes, _PICTURES)
    wanted = max(1, _PICTURES // classes)
    counts = np.sum([shard.per_class for shard in split.shards], axis=0)[:classes]
    missing = np.minimum(counts, wanted)
    found: list[tuple[int, np.ndarray]] = []
    for x, y in split.decoded().as_numpy_iterator():
        for image, label in zip(x, y, strict=True):
            if label < classes and missing[label] > 0:
                missing[label] -= 1
                found.append((int(label), image))
        if not missing.any():
            break
    found.sort(key=lambda one: one[0])
    return np.stack([image for _, image in found]), [split.info.labels[y] for y, _ in found]
