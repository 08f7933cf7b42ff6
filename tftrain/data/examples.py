"""Labelled examples, a dataset's three splits, and the checks every source goes through."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from tftrain.errors import DataError

if TYPE_CHECKING:
    from tftrain.data.records import RecordSplit


@dataclasses.dataclass(frozen=True)
class Examples:
    """Inputs and their labels, the same number of each.

    Attributes:
        x: Images `[N, H, W, C]`: float32 in [0, 1] from `load`, as stored from a reader.
        y: Class indices `[N]`, int64.
    """

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.y)

    def take(self, indices: np.ndarray) -> Examples:
        """The examples at these positions, in this order."""
        return Examples(self.x[indices], self.y[indices])


@dataclasses.dataclass(frozen=True)
class Info:
    """What a dataset is.

    Attributes:
        name: The name it was loaded by.
        classes: Number of classes.
        labels: One name a class, in the order of the class indices.
        shape: Shape of one example, `(H, W, C)`.
        scale: Raw value that became 1.0: 255 for 8-bit images, 16 for digits.
        source: Where this copy was read from.
        licence: Terms of use, as its publisher states them.
    """

    name: str
    classes: int
    labels: tuple[str, ...]
    shape: tuple[int, ...]
    scale: float
    source: str
    licence: str


@dataclasses.dataclass(frozen=True)
class Splits:
    """A dataset ready to train on. `validation` is None if none was asked for.

    The training part may be too large for memory: then it is a split of a record set, which
    `tftrain.data.pipeline` takes as well as it takes Examples.
    """

    train: Examples | RecordSplit
    validation: Examples | None
    test: Examples
    info: Info


@dataclasses.dataclass(frozen=True)
class RawDataset:
    """What a reader found, values as stored."""

    train: Examples
    test: Examples
    info: Info


def checked(x: np.ndarray, y: np.ndarray, classes: int, where: str) -> Examples:
    """Examples `[N, H, W, C]` with int64 labels, once they hold what a dataset must hold.

    Args:
        x: Images `[N, H, W]` or `[N, H, W, C]`, numeric.
        y: Labels `[N]` or `[N, 1]`, integers in `[0, classes)`.
        classes: Number of classes.
        where: File or part that errors name.

    Raises:
        DataError: Empty, of the wrong rank or type, of different lengths, or out of range.
    """
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    for wrong, message in (
        (x.ndim not in (3, 4), f"images have shape {x.shape}; expected [N, H, W] or [N, H, W, C]"),
        (y.ndim != 1, f"labels have shape {y.shape}; expected [N]"),
        (x.dtype.kind not in "uif", f"images have type {x.dtype}; expected numbers"),
        (y.dtype.kind not in "ui", f"labels have type {y.dtype}; expected integers"),
        (len(x) != len(y), f"{len(x)} images but {len(y)} labels"),
        (len(x) == 0, "no examples; at least one is needed"),
    ):
        if wrong:
            raise DataError(f"{where}: {message}")
    if y.min() < 0 or y.max() >= classes:
        raise DataError(f"{where}: labels from {y.min()} to {y.max()}; expected 0 to {classes - 1}")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise DataError(f"{where}: images hold values that are not finite")
    return Examples(x if x.ndim == 4 else x[..., np.newaxis], y.astype(np.int64))
