"""Raw inputs as `tf.train.Example`, which classify and regress take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tftrain.keras_api import tf

INPUT = "inputs"


def parsed(examples: tf.Tensor, raw: Mapping[str, tf.TensorSpec]) -> dict[str, tf.Tensor]:
    """The raw inputs, out of Examples `[B]` whose features have their names.

    Floats are read from lists of floats, texts from lists of bytes, all else from lists of int64.
    """
    features = {
        name: tf.io.FixedLenFeature(spec.shape[1:], _stored(spec.dtype))
        for name, spec in raw.items()
    }
    found = tf.io.parse_example(examples, features)
    return {name: tf.cast(found[name], spec.dtype) for name, spec in raw.items()}


def _stored(dtype: Any) -> Any:
    if dtype == tf.string:
        return tf.string
    return tf.float32 if dtype.is_floating else tf.int64


def examples(raw: Mapping[str, np.ndarray]) -> list[Any]:
    """One `tf.train.Example` a row."""
    rows = len(next(iter(raw.values())))
    return [
        tf.train.Example(
            features=tf.train.Features(
                feature={name: _feature(array[row : row + 1]) for name, array in raw.items()}
            )
        )
        for row in range(rows)
    ]


def _feature(values: np.ndarray) -> Any:
    flat = values.ravel()
    if flat.dtype.kind == "O":
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=flat.tolist()))
    if flat.dtype.kind in "iub":
        return tf.train.Feature(int64_list=tf.train.Int64List(value=flat.astype(np.int64)))
    return tf.train.Feature(float_list=tf.train.FloatList(value=flat.astype(np.float32)))
