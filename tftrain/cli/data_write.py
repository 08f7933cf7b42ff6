"""tftrain data write --from=SOURCE --to=DIR: make a record set.

SOURCE is the name of a dataset (digits, mnist, ..., or any image-classification name of TensorFlow
Datasets), an .npz file (x_train, y_train, x_test, y_test; or x, y), a .csv file (a header row,
numbers, a column with the class), or a folder of images: a folder for each class, or the same
below train, validation and test.

DIR appears when it is whole. After an interruption, the same command goes on where it was.

Examples:
  tftrain data write --from=digits --to=records/digits
  tftrain data write --from=photos --to=records/photos --resize=224x224 --validation=0.1
  tftrain data write --from=flowers.csv --to=records/flowers --label=species --test=0.2
  tftrain data write --from=mnist --to=records/mnist --shards=16 --compression=gzip --sign=my.key
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from absl import flags

from tftrain.data.records.reading import ON_ERROR
from tftrain.data.records.record_set import RecordSet
from tftrain.data.records.shards import COMPRESSIONS
from tftrain.refusals import refusals


def define_flags(values: flags.FlagValues) -> None:
    """What to read, where to write, how."""
    flags.DEFINE_string("from", None, "name of a dataset, a file or a folder", flag_values=values)
    flags.DEFINE_string("to", None, "folder to make", flag_values=values)
    flags.DEFINE_integer(
        "shards", None, "files of the training split (default: 8, or more of 128 MiB)",
        lower_bound=1, flag_values=values,
    )  # fmt: skip
    flags.DEFINE_enum(
        "compression", "none", list(COMPRESSIONS), ", ".join(COMPRESSIONS), flag_values=values
    )
    for name in ("validation", "test"):
        meaning = f"share of the training examples to set aside for {name}"
        flags.DEFINE_float(name, 0.0, meaning, 0, 1, flag_values=values)
    flags.DEFINE_string("resize", None, "HxW: height and width for images", flag_values=values)
    flags.DEFINE_string("label", None, "a CSV's class column (default: the last)", values)
    flags.DEFINE_enum(
        "on_error", "stop", list(ON_ERROR), "at an unreadable image or row: stop, or skip it",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string("sign", None, "key file to sign the manifest with", flag_values=values)
    flags.DEFINE_integer("seed", 0, "draws order and shares", flag_values=values)
    flags.DEFINE_string("data_dir", None, "folder with the named dataset's files", values)


def problems(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the command line."""
    from tftrain.data.records import shares, signature, sources, writing

    if positional:
        yield f"unexpected argument {positional[0]!r}: data write takes flags only"
    for name, what in (("from", "what to read"), ("to", "the folder to make")):
        if not values[name].value:
            yield f"--{name} is missing: {what}"
    if values["resize"].value and not _size(values["resize"].value):
        yield f"--resize={values['resize'].value}: expected HxW, such as 224x224"
    source, target, key = (values[name].value for name in ("from", "to", "sign"))
    if source:
        yield from refusals(sources.check, source)
    if target:
        yield from refusals(writing.check_target, Path(target).expanduser())
    yield from refusals(shares.check, {name: values[name].value for name in ("validation", "test")})
    if key:
        yield from refusals(signature.read_key, key)


def main(values: flags.FlagValues, positional: Sequence[str]) -> int:
    """Writes and says what was written."""
    from tftrain.data import records

    print(f"reading {values['from'].value} ...", file=sys.stderr)
    resize = values["resize"].value
    names = (
        "shards", "compression", "validation", "test", "seed", "label", "on_error", "sign",
        "data_dir",
    )  # fmt: skip
    written = records.write(
        values["from"].value,
        values["to"].value,
        resize=_size(resize) if resize else None,
        **{name: values[name].value for name in names},
    )
    print(_summary(written))
    return 0


def _size(text: str) -> tuple[int, int] | None:
    found = re.fullmatch(r"([1-9]\d{0,4})[xX]([1-9]\d{0,4})", text)
    return (int(found[1]), int(found[2])) if found else None


def _summary(written: RecordSet) -> str:
    rows = [
        f"{name:11} {len(split):,} examples, {sum(s.bytes for s in split.shards):,} bytes, "
        f"files: {len(split.shards)}"
        for name, split in written.splits.items()
    ]
    signed = "signed" if written.manifest.signed else "not signed"
    return "\n".join([*rows, f"{'manifest':11} {written.path / 'manifest.json'} ({signed})"])
