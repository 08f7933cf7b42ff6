"""Find out what a source is, and open it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tftrain.data import sources as named
from tftrain.data.examples import Examples, Info, RawDataset, Splits
from tftrain.data.records import array_files, image_folders, tables
from tftrain.data.records.content import Content
from tftrain.errors import BadInput, DataError, UnknownName

Source = str | os.PathLike[str] | RawDataset | Splits


def check(source: Source) -> None:
    """Raises BadInput unless the source exists; opens nothing, reaches no network."""
    if isinstance(source, RawDataset | Splits) or source in named.BUILT_IN:
        return
    if Path(source).expanduser().exists():
        return
    try:
        named.check_name(str(source))
    except UnknownName as error:
        raise BadInput(
            f"{source} is neither a file, nor a folder, nor a dataset: {error}"
        ) from None


def open_source(
    source: Source,
    *,
    label: str | None,
    resize: image_folders.Size | None,
    on_error: str,
    data_dir: str | os.PathLike[str] | None,
) -> Content:
    """Opens a source and checks it; the arguments are those of `write`."""
    check(source)
    kind = _kind(source)
    for name, value, fits in (
        ("label", label, "a CSV file"),
        ("resize", resize, "a folder of images"),
        ("data_dir", data_dir, "a dataset by name"),
    ):
        if value is not None and kind != fits:
            raise BadInput(f"{name} goes with {fits}; the source is {kind}")
    if kind == "a CSV file":
        return tables.read_table(Path(source).expanduser(), label, on_error)
    if kind == "a folder of images":
        return image_folders.read_folder(Path(source).expanduser(), resize, on_error)
    if kind == "an .npz file":
        return array_files.read_archive(Path(source).expanduser())
    if kind == "a dataset by name":
        return array_files.from_raw(named.read_raw(str(source), data_dir))
    return array_files.from_examples(*_in_memory(source))


def _kind(source: Source) -> str:
    if isinstance(source, RawDataset | Splits):
        return "examples in memory"
    path = Path(source).expanduser()
    if source in named.BUILT_IN or not path.exists():
        return "a dataset by name"
    if path.is_dir():
        return "a folder of images"
    kinds = {".npz": "an .npz file", ".csv": "a CSV file"}
    if path.suffix.lower() not in kinds:
        raise DataError(
            f"{path} is of an unknown kind; expected an .npz or .csv file, a folder of images, "
            "or the name of a dataset"
        )
    return kinds[path.suffix.lower()]


def _in_memory(source: RawDataset | Splits) -> tuple[Mapping[str, Examples], Info]:
    validation = getattr(source, "validation", None)
    parts = {"train": source.train, "validation": validation, "test": source.test}
    info = source.info
    if isinstance(source, Splits):  # scaled already
        info = Info(**{**vars(info), "scale": 1.0})
    return {name: part for name, part in parts.items() if part is not None}, info
