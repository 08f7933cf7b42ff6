"""A model in one of the forms that compression gives it."""

from __future__ import annotations

import dataclasses
import functools
import gzip
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tftrain import litert
from tftrain.errors import CompressionError, ConversionFailed
from tftrain.keras_api import keras


@dataclasses.dataclass(frozen=True, eq=False)
class Variant:
    """A form of a model: its Keras model, its LiteRT file, or both of the same numbers.

    Attributes:
        name: Short, for tables, plots and file names.
        model: Of Keras 3; None if there is a LiteRT file only.
        lite: The LiteRT file; None if there is none, or none yet.
        how: What was done, in words.
    """

    name: str
    model: keras.Model | None = None
    lite: litert.LiteModel | None = None
    how: str = ""

    def __post_init__(self) -> None:
        if self.model is None and self.lite is None:
            raise CompressionError([f"variant {self.name!r} has neither a model nor a LiteRT file"])

    def predict(self, x: Any) -> Any:
        """Outputs for all of `x` `[N, ...]`, of the Keras model if there is one."""
        if self.model is not None:
            return self.model.predict(x, batch_size=256, verbose=0)
        return self.lite.predict(x)

    @functools.cached_property
    def content(self) -> bytes:
        """The LiteRT file; of a Keras model without one, the .keras file without an optimizer."""
        if self.lite is not None:
            return self.lite.content
        bare = keras.models.clone_model(self.model)
        bare.set_weights(self.model.get_weights())
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.keras")
            bare.save(path)
            return path.read_bytes()

    @property
    def kind(self) -> str:
        """What `content` is: `tflite` or `keras`."""
        return "keras" if self.lite is None else "tflite"

    @functools.cached_property
    def gzip_bytes(self) -> int:
        """Size of `content` compressed by gzip at its strongest."""
        return len(gzip.compress(self.content, compresslevel=9, mtime=0))

    def with_lite(self) -> Variant:
        """With the LiteRT file of the Keras model, in float32, if it can be converted at all."""
        if self.lite is not None:
            return self
        try:
            return dataclasses.replace(self, lite=litert.convert(self.model))
        except (CompressionError, ConversionFailed):
            return self  # its size is then that of the .keras file, and `kind` says so


def variants_of(given: Any) -> tuple[Variant, ...]:
    """What is meant by what a caller gives.

    Args:
        given: Variants, or by their names Keras models, LiteRT files and what `quantize_aware`
            returns.

    Raises:
        CompressionError: There is none, two have one name, or something else is among them.
    """
    if isinstance(given, Mapping):
        given = [_variant(name, value) for name, value in given.items()]
    variants = tuple(given) if isinstance(given, Iterable) else ()
    strange = [type(one).__name__ for one in variants if not isinstance(one, Variant)]
    if strange or not variants:
        received = ", ".join(strange) or type(given).__name__
        raise CompressionError(
            [f"received {received}; expected variants, or models and LiteRT files by their names"]
        )
    names = [variant.name for variant in variants]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CompressionError([f"several variants have the name {name!r}" for name in twice])
    return variants


def _variant(name: str, value: Any) -> Any:
    if isinstance(value, Variant):
        return dataclasses.replace(value, name=name)
    if isinstance(value, keras.Model):
        return Variant(name, value)
    lite = getattr(value, "lite", value)  # of quantize_aware, the file is what is shipped
    return Variant(name, lite=lite) if isinstance(lite, litert.LiteModel) else value


def first_rows(x: Any, count: int) -> Any:
    """The first rows of every array, repeated where there are too few.

    Args:
        x: An array `[N, ...]`, or a list or dict of such.
        count: How many.

    Example:
        >>> first_rows(np.array([[1], [2]]), 3).tolist()
        [[1], [2], [1]]
    """
    if isinstance(x, Mapping):
        return {name: first_rows(array, count) for name, array in x.items()}
    if isinstance(x, (list, tuple)):
        return type(x)(first_rows(array, count) for array in x)
    array = np.asarray(x)
    return array[np.arange(count) % len(array)]
