"""What is to be written: the examples of every split, from whatever source."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from tftrain.data.examples import Info
from tftrain.data.records.schema import Schema
from tftrain.errors import DataError

SPLITS = ("train", "validation", "test")


class Part(Protocol):
    """The examples of one split."""

    y: np.ndarray  # class indices [N], int64

    def payload(self, index: int) -> np.ndarray | bytes:
        """The `x` of one example; DataError where it cannot be read."""

    def take(self, indices: np.ndarray) -> Part:
        """The examples at these positions, in this order."""

    def identity(self) -> bytes:
        """A digest that changes when the examples do."""


@dataclasses.dataclass(frozen=True)
class ArrayPart:
    """Examples in memory: x `[N, ...]`, y `[N]`."""

    x: np.ndarray
    y: np.ndarray

    def payload(self, index: int) -> np.ndarray:
        """The `x` of one example."""
        return self.x[index]

    def take(self, indices: np.ndarray) -> ArrayPart:
        """The examples at these positions, in this order."""
        return ArrayPart(self.x[indices], self.y[indices])

    def identity(self) -> bytes:
        """A digest of all values."""
        digest = hashlib.sha256(repr((self.x.dtype.str, self.x.shape)).encode())
        digest.update(np.ascontiguousarray(self.x).data)
        digest.update(np.ascontiguousarray(self.y).data)
        return digest.digest()


@dataclasses.dataclass(frozen=True)
class Content:
    """A source that was opened and checked.

    Attributes:
        info: What the dataset is.
        schema: What its records will hold.
        parts: The examples, by split.
        skipped: What was left out, a sentence each.
    """

    info: Info
    schema: Schema
    parts: Mapping[str, Part]
    skipped: tuple[str, ...] = ()

    def identity(self) -> str:
        """A digest that changes when what would be written does."""
        digest = hashlib.sha256(repr((self.info, self.schema)).encode())
        for name, part in self.parts.items():
            digest.update(name.encode() + part.identity())
        return digest.hexdigest()


def check_classes(parts: Mapping[str, Part], labels: tuple[str, ...], where: str) -> None:
    """Raises DataError unless there are two classes to tell apart."""
    present = np.unique(np.concatenate([part.y for part in parts.values()]))
    if len(present) < 2:
        raise DataError(
            f"{where} holds one class only ({labels[present[0]]}); expected at least two: "
            "there is nothing to tell apart"
        )
