"""MNIST, Fashion-MNIST and CIFAR-10: where their files may lie, and how each form is read.

Looked for in this order: the folder given, the Keras cache, a download.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tftrain.data import download, tfds_images
from tftrain.data.archives import read_idx, read_npz
from tftrain.data.examples import Info, RawDataset, checked
from tftrain.errors import DataError

_STORE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_IDX_PARTS = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
_DIGITS = tuple(str(digit) for digit in range(10))
_CLOTHES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
_THINGS = (
    "airplane", "automobile", "bird", "cat", "deer",
    "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip

_WHITE = 255.0

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """One named set: its facts, and the reader of its own file format.

    Attributes:
        files: Names of the files in that format; each may also end in .gz.
        read: From the paths of those files to (train x, train y, test x, test y).
        cached: Folder of those files below the Keras cache.
        urls: What to download into it; empty if TFDS does the download.
    """

    name: str
    labels: tuple[str, ...]
    shape: tuple[int, int, int]
    licence: str
    files: tuple[str, ...]
    read: Callable[[list[Path]], Arrays]
    cached: str = ""
    urls: tuple[str, ...] = ()
    sha256: str | None = None


def load(image_set: ImageSet, data_dir: Path | None) -> RawDataset:
    """Reads a set from the first place that has it.

    Raises:
        DataError: `data_dir` lacks it, a file is damaged, or it is nowhere and the network
            cannot be reached.
    """
    if data_dir is not None:
        return _from_folder(image_set, data_dir)
    cached = _found(image_set, download.cache_folder() / image_set.cached)
    if cached:
        return _raw(image_set, cached)
    try:
        return _downloaded(image_set)
    except DataError as error:
        raise DataError(_three_ways(image_set, error)) from error


def _from_folder(image_set: ImageSet, folder: Path) -> RawDataset:
    if not folder.is_dir():
        raise DataError(f"the data folder {folder} does not exist")
    found = _found(image_set, folder)
    if found:
        return _raw(image_set, found)
    prepared = tfds_images.prepared_folder(image_set.name, folder)
    if prepared:
        raw = tfds_images.read_prepared(image_set.name, prepared)
        _check_images(raw.train.x, image_set, str(prepared))
        return raw
    raise DataError(
        f"{folder} holds no {image_set.name}; expected {_expected(image_set)}, "
        "or a folder prepared by TensorFlow Datasets"
    )


def _found(image_set: ImageSet, folder: Path) -> list[Path]:
    archive = folder / f"{image_set.name}.npz"
    if archive.is_file():
        return [archive]
    candidates = [
        [path for path in (folder / name, folder / f"{name}.gz") if path.is_file()][:1]
        for name in image_set.files
    ]
    return [path[0] for path in candidates] if candidates and all(candidates) else []


def _raw(image_set: ImageSet, paths: list[Path]) -> RawDataset:
    archive = paths[0].suffix == ".npz"
    arrays = (
        read_npz(paths[0], ("x_train", "y_train", "x_test", "y_test"))
        if archive
        else image_set.read(paths)
    )
    where = str(paths[0] if archive else paths[0].parent)
    train = checked(*arrays[:2], len(image_set.labels), f"{where}, train")
    test = checked(*arrays[2:], len(image_set.labels), f"{where}, test")
    for part in (train, test):
        _check_images(part.x, image_set, where)
    return RawDataset(train, test, _info(image_set, where))


def _check_images(x: np.ndarray, image_set: ImageSet, where: str) -> None:
    if x.shape[1:] != image_set.shape:
        raise DataError(
            f"{where}: images have shape {x.shape[1:]}; {image_set.name} has {image_set.shape}"
        )
    if x.min() < 0 or not 1 < x.max() <= _WHITE:
        raise DataError(
            f"{where}: pixels from {x.min()} to {x.max()}; expected 0 to {_WHITE}, as stored "
            "originally, not scaled"
        )


def _info(image_set: ImageSet, source: str) -> Info:
    return Info(
        name=image_set.name,
        classes=len(image_set.labels),
        labels=image_set.labels,
        shape=image_set.shape,
        scale=_WHITE,
        source=source,
        licence=image_set.licence,
    )


def _downloaded(image_set: ImageSet) -> RawDataset:
    if not image_set.urls:
        return tfds_images.load(image_set.name, None)
    return _raw(
        image_set,
        [download.fetch(url, image_set.cached, image_set.sha256) for url in image_set.urls],
    )


def _expected(image_set: ImageSet) -> str:
    own = f" or {', '.join(image_set.files)} (plain or .gz)" if image_set.files else ""
    return f"{image_set.name}.npz{own}"


def _three_ways(image_set: ImageSet, error: DataError) -> str:
    cache = download.cache_folder() / image_set.cached
    return (
        f"{image_set.name} is not on this machine and cannot be downloaded ({error}). Either "
        f"(1) pass --data_dir=DIR with {_expected(image_set)}, or a prepared TensorFlow Datasets "
        f"folder; (2) put the same files into {cache}; (3) connect to the network and run again. "
        "--dataset=digits needs no download"
    )


def _read_mnist_idx(paths: list[Path]) -> Arrays:
    train_x, train_y, test_x, test_y = (read_idx(path) for path in paths)
    return train_x, train_y, test_x, test_y


def _read_cifar_binary(paths: list[Path]) -> Arrays:
    parts = [_cifar_batch(path) for path in paths]
    train_x = np.concatenate([x for x, _ in parts[:-1]])
    train_y = np.concatenate([y for _, y in parts[:-1]])
    return train_x, train_y, *parts[-1]


def _cifar_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Each record is a label byte, then 3,072 bytes: the red, green and blue planes."""
    record = 1 + 32 * 32 * 3
    content = np.fromfile(path, np.uint8)
    if content.size == 0 or content.size % record:
        raise DataError(
            f"{path} holds {content.size} bytes, not a multiple of {record}: "
            "it is truncated or not CIFAR-10's binary version; fetch it again"
        )
    rows = content.reshape(-1, record)
    return rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), rows[:, 0]


IMAGE_SETS = {
    image_set.name: image_set
    for image_set in (
        ImageSet(
            name="mnist",
            labels=_DIGITS,
            shape=(28, 28, 1),
            licence="CC BY-SA 3.0",
            files=tuple(f"{part}-ubyte" for part in _IDX_PARTS),
            read=_read_mnist_idx,
            urls=(_STORE + "mnist.npz",),
            sha256="731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
        ),
        ImageSet(
            name="fashion_mnist",
            labels=_CLOTHES,
            shape=(28, 28, 1),
            licence="MIT",
            files=tuple(f"{part}-ubyte" for part in _IDX_PARTS),
            read=_read_mnist_idx,
            cached="fashion-mnist",
            urls=tuple(f"{_STORE}{part}-ubyte.gz" for part in _IDX_PARTS),
        ),
        ImageSet(
            name="cifar10",
            labels=_THINGS,
            shape=(32, 32, 3),
            licence="as its authors state: cite Krizhevsky, 2009",
            files=(*(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin"),
            read=_read_cifar_binary,
            cached="cifar-10-batches-bin",
        ),
    )
}
