"""Datasets by name, split and scaled, ready for `model.fit`."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from tftrain.data import digits, image_files, records, tfds_images
from tftrain.data.examples import Examples, Info, RawDataset, Splits
from tftrain.errors import BadInput, DataError, UnknownName

BUILT_IN = ("digits", *image_files.IMAGE_SETS)
RECORDS = "records:"


def load(
    name: str = "digits",
    *,
    data_dir: str | os.PathLike[str] | None = None,
    validation: float = 0.1,
) -> Splits:
    """Loads a dataset by name.

    Args:
        name: `digits` (embedded), `mnist`, `fashion_mnist`, `cifar10`, the name of any
            image-classification set of TensorFlow Datasets, or `records:FOLDER`, a record set.
        data_dir: Folder with the dataset's files: an `.npz`, its own format (IDX, CIFAR-10's
            binary batches; plain or .gz) or a prepared TFDS folder. Without it: the Keras
            cache, then a download.
        validation: Share of the training part to set aside, in [0, 1); stratified by class,
            the same examples every time. A record set's splits are taken as they are.

    Returns:
        Splits with float32 images `[N, H, W, C]` in [0, 1] and int64 labels `[N]`. The training
        part of a record set is not read but left where it is, as a `RecordSplit` for `pipeline`.

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
    if name.startswith(RECORDS):
        return _of_records(name.removeprefix(RECORDS), data_dir)
    raw = read_raw(name, data_dir)
    train, held_out = _hold_out(raw.train, validation)
    return Splits(
        train=_scaled(train, raw.info),
        validation=None if held_out is None else _scaled(held_out, raw.info),
        test=_scaled(raw.test, raw.info),
        info=raw.info,
    )


def check_name(name: str) -> None:
    """Raises UnknownName unless `name` can be loaded; touches no file and no network."""
    if name == RECORDS:
        raise BadInput("dataset is 'records:'; expected a folder after it, as in records:DIR")
    if name in BUILT_IN or name.startswith(RECORDS) or tfds_images.known(name):
        return
    raise UnknownName(
        "dataset",
        name,
        BUILT_IN,
        also="any image-classification name of TensorFlow Datasets, or records:FOLDER",
    )


def short_name(name: str) -> str:
    """A dataset's name as part of a file's name.

    Example:
        >>> short_name("records:/sets/flowers")
        'flowers'
    """
    if name.startswith(RECORDS):
        return Path(name.removeprefix(RECORDS)).resolve().name
    return name.replace("/", "_").replace(":", "_")


def _of_records(folder: str, data_dir: object) -> Splits:
    if data_dir is not None:
        raise BadInput(f"data_dir is {data_dir}; expected none: records:{folder} says where")
    splits = records.open(folder).splits
    for needed in ("train", "test"):
        if needed not in splits:
            raise DataError(
                f"{folder} has no {needed} split but {', '.join(splits)}; "
                "`tftrain data write --test=0.1` sets a share aside"
            )
    held_out = splits.get("validation")
    return Splits(
        train=splits["train"],
        validation=None if held_out is None else _scaled(held_out.examples(), held_out.info),
        test=_scaled(splits["test"].examples(), splits["test"].info),
        info=splits["train"].info,
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


def _scaled(examples: Examples, info: Info) -> Examples:
    return Examples((examples.x / np.float32(info.scale)).astype(np.float32), examples.y)
