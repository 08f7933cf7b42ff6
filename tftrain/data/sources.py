"""Datasets by name, split and scaled, ready for `model.fit`."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from tftrain.data import digits, image_files, tfds_images
from tftrain.data.examples import Examples, RawDataset, Splits
from tftrain.errors import BadInput, DataError, UnknownName

BUILT_IN = ("digits", *image_files.IMAGE_SETS)


def load(
    name: str = "digits",
    *,
    data_dir: str | os.PathLike[str] | None = None,
    validation: float = 0.1,
) -> Splits:
    """Loads a dataset by name.

    Args:
        name: `digits` (embedded), `mnist`, `fashion_mnist`, `cifar10`, or the name of any
            image-classification set of TensorFlow Datasets.
        data_dir: Folder with the dataset's files: an `.npz`, its own format (IDX, CIFAR-10's
            binary batches; plain or .gz) or a prepared TFDS folder. Without it: the Keras
            cache, then a download.
        validation: Share of the training part to set aside, in [0, 1); stratified by class,
            the same examples every time.

    Returns:
        Splits with float32 images `[N, H, W, C]` in [0, 1] and int64 labels `[N]`.

    Raises:
        UnknownName: No such dataset.
        DataError: Files missing, damaged or not holding what they must; or offline.
        BadInput: `validation` outside [0, 1).

    Example:
        >>> splits = load("digits", validation=0.2)
        >>> len(splits.train), len(splits.validation), len(splits.test)
        (1149, 288, 360)
    """
    check_name(name)
    if not 0 <= validation < 1:
        raise BadInput(f"validation is {validation}; expected a share in [0, 1)")
    raw = read_raw(name, data_dir)
    train, held_out = _hold_out(raw.train, validation)
    return Splits(
        train=_scaled(train, raw),
        validation=None if held_out is None else _scaled(held_out, raw),
        test=_scaled(raw.test, raw),
        info=raw.info,
    )


def check_name(name: str) -> None:
    """Raises UnknownName unless `name` can be loaded; touches no file and no network."""
    if name in BUILT_IN or tfds_images.known(name):
        return
    raise UnknownName(
        "dataset",
        name,
        BUILT_IN,
        also="any image-classification name of TensorFlow Datasets",
    )


def read_raw(name: str, data_dir: str | os.PathLike[str] | None = None) -> RawDataset:
    """A dataset by name as its reader found it: values as stored, nothing set aside.

    Raises:
        DataError: As `load`.
    """
    folder = Path(data_dir) if data_dir is not None else None
    if name == "digits":
        return digits.read()
    if name in image_files.IMAGE_SETS:
        return image_files.load(image_files.IMAGE_SETS[name], folder)
    return tfds_images.load(name, folder)


def _hold_out(train: Examples, share: float) -> tuple[Examples, Examples | None]:
    if share == 0:
        return train, None
    from sklearn.model_selection import train_test_split

    try:
        kept, held_out = train_test_split(
            np.arange(len(train)), test_size=share, stratify=train.y, random_state=0
        )
    except ValueError as error:
        raise DataError(
            f"{len(train)} training examples cannot give a validation share of {share}: {error}"
        ) from error
    return train.take(np.sort(kept)), train.take(np.sort(held_out))


def _scaled(examples: Examples, raw: RawDataset) -> Examples:
    return Examples((examples.x / np.float32(raw.info.scale)).astype(np.float32), examples.y)
