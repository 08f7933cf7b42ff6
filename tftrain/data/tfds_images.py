"""Image-classification sets of TensorFlow Datasets, by name: prepared already, or downloaded."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from tftrain.data import download
from tftrain.data.examples import Examples, Info, RawDataset, checked
from tftrain.errors import DataError

_VERSION = re.compile(r"\d+\.\d+\.\d+")
_REACHED_FOR_DOWNLOADS = "https://storage.googleapis.com"


def known(name: str) -> bool:
    """Whether TensorFlow Datasets has a set of this name (with or without `:version`)."""
    return _base(name) in names()


def _base(name: str) -> str:
    return name.split(":")[0].split("/")[0]


def names() -> list[str]:
    """The names TensorFlow Datasets ships, of every kind."""
    return _tfds().list_builders(with_community_datasets=False)


def prepared_folder(name: str, folder: Path) -> Path | None:
    """The newest folder below `folder` in which TFDS prepared `name`; None if there is none.

    `folder` may be the prepared folder itself or TFDS's data directory.
    """
    if (folder / "dataset_info.json").is_file():
        return folder
    found = (folder / name.replace(":", "/")).rglob("dataset_info.json")
    folders = [path.parent for path in found if _VERSION.fullmatch(path.parent.name)]
    return max(folders, key=lambda path: [int(n) for n in path.name.split(".")], default=None)


def read_prepared(name: str, folder: Path) -> RawDataset:
    """Reads a prepared set.

    Raises:
        DataError: Damaged, or not a set of labelled images of one size.
    """
    try:
        builder = _tfds().builder_from_directory(folder)
    except Exception as error:
        raise DataError(f"{folder} cannot be opened as a TFDS folder: {error}") from error
    if builder.name != _base(name):
        raise DataError(f"{folder} holds {builder.name}; expected {_base(name)}")
    return _read(name, builder, str(folder))


def load(name: str, data_dir: Path | None) -> RawDataset:
    """Loads a set by its TFDS name, downloading and preparing it if need be.

    Raises:
        DataError: Not labelled images of one size, or neither prepared nor reachable.
    """
    folder = data_dir or Path.home() / "tensorflow_datasets"
    prepared = prepared_folder(name, folder)
    if prepared:
        return read_prepared(name, prepared)
    if not download.reachable(_REACHED_FOR_DOWNLOADS):
        raise DataError(
            f"{name} is not prepared in {folder} and the network cannot be reached. Either "
            "(1) pass --data_dir=DIR with the TensorFlow Datasets folder of a machine that has "
            f"it; (2) copy that folder to {folder}; (3) connect to the network and run again"
        )
    builder = _tfds().builder(name, data_dir=data_dir)
    _require_images(name, builder.info)
    builder.download_and_prepare()
    return _read(name, builder, str(builder.data_dir))


def _read(name: str, builder: Any, where: str) -> RawDataset:
    labels = _require_images(name, builder.info)
    parts = {}
    for split in ("train", "test"):
        if split not in builder.info.splits:
            raise DataError(
                f"{where} has no {split!r} split; found {', '.join(builder.info.splits)}"
            )
        parts[split] = _examples(builder, split, len(labels), f"{where}, {split}")
    info = Info(
        name=name,
        classes=len(labels),
        labels=labels,
        shape=parts["train"].x.shape[1:],
        scale=255.0,
        source=where,
        licence=builder.info.redistribution_info.license or "not stated",
    )
    return RawDataset(parts["train"], parts["test"], info)


def _examples(builder: Any, split: str, classes: int, where: str) -> Examples:
    try:
        rows = list(_tfds().as_numpy(builder.as_dataset(split=split)))
    except Exception as error:
        raise DataError(f"{where} cannot be read: {error}") from error
    sizes = {row["image"].shape for row in rows}
    if len(sizes) > 1:
        raise DataError(f"{where}: images of {len(sizes)} sizes; expected one size for all")
    return checked(
        np.stack([row["image"] for row in rows]) if rows else np.zeros((0, 1, 1, 1)),
        np.array([row["label"] for row in rows], np.int64),
        classes,
        where,
    )


def _require_images(name: str, info: Any) -> tuple[str, ...]:
    features = info.features
    if not {"image", "label"} <= set(features) or not hasattr(features["label"], "names"):
        raise DataError(
            f"{name} is no image-classification set: it has the features "
            f"{', '.join(features)}; expected 'image' and 'label'"
        )
    return tuple(features["label"].names)


def _tfds() -> Any:
    import tensorflow_datasets

    return tensorflow_datasets
