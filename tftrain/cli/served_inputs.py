"""What a trained run's export takes and answers: pictures as people have them, names of classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tftrain import data
from tftrain.keras_api import tf

PIXELS, SCALED = "pixels", "scaled"
_BRIGHTEST = 255.0


def of(splits: data.Splits, kind: str | None = None, *, labels: bool = True) -> dict[str, Any]:
    """Arguments of `export.saved_model` for a model that was trained on a dataset.

    Args:
        splits: The dataset.
        kind: "pixels" for uint8 from 0 to 255, scaled in the graph, or "scaled" for floats as in
            training; by default pixels, unless the dataset is stored as floats.
        labels: Whether its answers hold the names of the classes.
    """
    found = {"warmup": splits.test.x, "labels": splits.info.labels if labels else None}
    stored_as_floats = splits.info.scale == 1
    if (kind or (SCALED if stored_as_floats else PIXELS)) == SCALED:
        return found
    return {**found, "warmup": _as_pixels(splits.test), "preprocessing": _from_pixels}


def _from_pixels(pixels: tf.Tensor) -> tf.Tensor:
    """What a network is trained on, of pictures of 8 bits, whatever the dataset counts to."""
    return tf.cast(pixels, tf.float32) / _BRIGHTEST


def _as_pixels(examples: data.Examples) -> np.ndarray:
    return np.round(examples.x * _BRIGHTEST).astype(np.uint8)
