"""Arrays as a source: a dataset by name, or an .npz file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tftrain.data.archives import npz_names, read_npz
from tftrain.data.examples import Examples, Info, RawDataset, checked
from tftrain.data.records.content import SPLITS, ArrayPart, Content, check_classes
from tftrain.data.records.schema import RAW, Schema, storable
from tftrain.errors import DataError

_NAMES = {"train": ("train",), "validation": ("validation", "val", "valid"), "test": ("test",)}


def from_raw(raw: RawDataset) -> Content:
    """A dataset as its reader found it, values as stored."""
    return from_examples({"train": raw.train, "test": raw.test}, raw.info)


def from_examples(parts: Mapping[str, Examples], info: Info) -> Content:
    """Examples in memory, by split.

    Raises:
        DataError: Of a type that records cannot hold, of unlike shapes, or of one class.
    """
    where = info.source
    stored = {name: ArrayPart(storable(part.x), part.y) for name, part in parts.items()}
    kinds = {(part.x.dtype.name, part.x.shape[1:]) for part in stored.values()}
    if len(kinds) > 1:
        raise DataError(f"{where}: splits of unlike types or shapes: {sorted(kinds)}")
    check_classes(stored, info.labels, where)
    ((dtype, shape),) = kinds
    return Content(info, Schema(RAW, dtype, tuple(shape)), stored)


def read_archive(path: Path) -> Content:
    """An .npz file with x_train, y_train, x_test, y_test (as Keras has them), or x and y.

    Raises:
        DataError: Damaged, without these arrays, or not examples with class indices.
    """
    arrays = _arrays(path)
    classes = max(_highest(y, path) for _, y in arrays.values()) + 1
    parts = {name: _checked(*pair, classes, f"{path}, {name}") for name, pair in arrays.items()}
    x = parts["train"].x
    info = Info(
        name=path.stem,
        classes=classes,
        labels=tuple(str(label) for label in range(classes)),
        shape=x.shape[1:],
        scale=255.0 if x.dtype == np.uint8 else 1.0,
        source=str(path),
        licence="not stated",
    )
    return from_examples(parts, info)


def _arrays(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    names = set(npz_names(path))
    if {"x", "y"} <= names and "x_train" not in names:
        return {"train": read_npz(path, ("x", "y"))}
    found = {}
    for split in SPLITS:
        for name in _NAMES[split]:
            if f"x_{name}" in names or split == "train":
                found[split] = read_npz(path, (f"x_{name}", f"y_{name}"))
                break
    return found


def _highest(y: np.ndarray, path: Path) -> int:
    if not y.size or y.dtype.kind not in "ui":
        raise DataError(
            f"{path}: labels have type {y.dtype} and shape {y.shape}; expected class indices [N]"
        )
    return int(y.max())


def _checked(x: np.ndarray, y: np.ndarray, classes: int, where: str) -> Examples:
    """As `checked`, and tables `[N, D]` as they are."""
    if x.ndim != 2:
        return checked(x, y, classes, where)
    examples = checked(x[:, :, np.newaxis], y, classes, where)
    return Examples(x, examples.y)
