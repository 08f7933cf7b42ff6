"""Zeros and clusters of a weight, which hold while its values train."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from tftrain.keras_api import tf

_MOST_CLUSTERS = 256  # more values than that, int8 does not tell apart anyway


@dataclasses.dataclass(frozen=True)
class WeightPattern:
    """What stays as it is in a weight.

    Attributes:
        mask: Of the weight's shape, 0 where it is to stay zero, else 1; None if it may be anything.
        movable: One number a cluster, 0 for the cluster that is to stay zero, else 1; None if the
            weight has no clusters.
    """

    mask: np.ndarray | None = None
    movable: np.ndarray | None = None

    def laid_on(self, weight: Any, centroids: Any = None) -> Any:
        """The weight with its zeros and clusters.

        Gradients reach the centroids, and pass to the weight as if it were not clustered, so that
        its parts can change from one cluster to another.

        Args:
            weight: A variable.
            centroids: A variable of the clusters' values, `[clusters]`.
        """
        weight = tf.identity(weight)
        if self.mask is not None:
            weight *= self.mask
        if self.movable is None:
            return weight
        return nearest(weight, centroids * self.movable) + (weight - tf.stop_gradient(weight))


def pattern_of(
    weight: np.ndarray, centroids: np.ndarray | None, *, keep_zeros: bool
) -> WeightPattern:
    """The pattern that a weight has.

    Args:
        weight: Its values.
        centroids: Values of its clusters; None if it has none to keep. One of them is zero where
            zeros are kept.
        keep_zeros: Whether its zeros are to stay.
    """
    mask = (weight != 0).astype("float32") if keep_zeros else None
    if centroids is None:
        return WeightPattern(mask)
    movable = np.ones(len(centroids), "float32")
    if keep_zeros:
        movable[np.argmin(np.abs(centroids))] = 0
    return WeightPattern(mask, movable)


def nearest(values: Any, centroids: Any) -> Any:
    """Each value's nearest centroid.

    Args:
        values: Of any shape.
        centroids: In any order, `[clusters]`.

    Example:
        >>> nearest(tf.constant([[0.1, 0.9], [0.4, -3.0]]), tf.constant([1.0, 0.0])).numpy()
        array([[0., 1.],
               [0., 0.]], dtype=float32)
    """
    ordered = tf.sort(centroids)
    borders = (ordered[1:] + ordered[:-1]) / 2
    places = tf.searchsorted(borders, tf.reshape(tf.stop_gradient(values), [-1]))
    return tf.reshape(tf.gather(ordered, places), tf.shape(values))


def has_zeros(weight: np.ndarray) -> bool:
    """Whether a weight has been pruned: training alone leaves no number exactly zero."""
    return not np.all(weight)


def is_clustered(weight: np.ndarray) -> bool:
    """Whether a weight has few values: training alone leaves hardly two numbers the same.

    Example:
        >>> is_clustered(np.repeat([0.1, 0.2], 50)), is_clustered(np.linspace(0, 1, 100))
        (True, False)
    """
    others = weight[weight != 0]
    return 2 <= values_of(weight) <= _MOST_CLUSTERS and values_of(others) < others.size


def values_of(weight: np.ndarray) -> int:
    """How many different numbers a weight consists of."""
    return len(np.unique(weight))
