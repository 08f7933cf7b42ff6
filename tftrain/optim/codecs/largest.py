"""Where the largest elements of a long vector are, without sorting it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tftrain.keras_api import tf

SAMPLE_OF_LARGEST = 128  # largest elements wanted in a sample: its threshold errs by about 9%
MARGIN = 1.3  # the sample's threshold lets through so much more than is wanted


def largest(magnitudes: Any, count: int) -> tuple[Any, Any]:
    """Positions of about the `count` largest elements.

    A long vector's threshold is that of a sample, as in Lin 2018; among the elements above it the
    largest are taken. So a few of the largest may be missing, where the sample was misleading.

    Args:
        magnitudes: A float32 tensor of shape (n,), not negative.
        count: From 1 to n.

    Returns:
        int32 positions of shape (count,), different from one another but for those that stand
        for nothing, and float32 of the same shape: 1 for a position, 0 for what stands for nothing.
    """
    size = magnitudes.shape[0]
    sample = math.ceil(SAMPLE_OF_LARGEST * size / count)
    if 4 * sample > size or 2 * count > size:
        positions = tf.math.top_k(magnitudes, count, sorted=False).indices
        return positions, tf.ones([count])
    threshold = _threshold(magnitudes, sample, count)
    candidates = tf.reshape(tf.where(magnitudes > threshold), [-1])
    found = tf.minimum(count, tf.size(candidates))
    best = tf.math.top_k(tf.gather(magnitudes, candidates), found, sorted=False).indices
    positions = tf.cast(tf.gather(candidates, best), tf.int32)
    missing = [[0, count - found]]
    padded = tf.ensure_shape(tf.pad(positions, missing), [count])
    return padded, tf.ensure_shape(tf.pad(tf.ones([found]), missing), [count])


def _threshold(magnitudes: Any, sample: int, count: int) -> Any:
    # Drawn once, without a pattern: every so-manieth element would be of the same columns.
    places = np.random.default_rng(0).integers(0, magnitudes.shape[0], sample, np.int32)
    wanted = math.ceil(MARGIN * sample * count / magnitudes.shape[0])
    return tf.math.top_k(tf.gather(magnitudes, places), wanted).values[-1]
