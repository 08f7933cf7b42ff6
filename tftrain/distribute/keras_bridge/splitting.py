"""Cuts a global batch into one slice a replica, in row order, as evenly as possible.

Replica `r` of `n` takes rows `r * rows // n` up to `(r + 1) * rows // n`. Slices differ by one
row at most, and joining them in order of the replicas gives the batch back.

A batch of fewer rows than replicas is not cut: every replica gets a copy of it, of which one
counts (`row_share`). A slice without rows is no way out: TensorFlow kernels abort the process on
it (the gradient of max pooling in oneDNN), and means over it are NaN.
"""

from __future__ import annotations

from typing import Any

from tftrain.distribute.keras_bridge.replication import first_replica, local_replicas
from tftrain.distribute.keras_bridge.row_share import count_rows, is_batched
from tftrain.keras_api import keras, tf


def split_for_replicas(batch: Any, strategy: Any) -> tuple[tuple[Any, Any], ...]:
    """Cuts `batch` for the replicas of this process; works eagerly and inside `tf.data`.

    Args:
        batch: Nested arrays or tensors of the global batch; None and Optionals pass unchanged.
        strategy: The strategy that will run the step.

    Returns:
        For each local replica a pair of its slice, nested as `batch`, and the rows of the
        global batch as an int64 scalar.
    """
    batch = keras.tree.map_structure(_as_tensor, batch)
    rows = count_rows(batch)
    first = first_replica(strategy)
    return tuple(
        (slice_rows(batch, replica, strategy.num_replicas_in_sync, rows), tf.cast(rows, tf.int64))
        for replica in range(first, first + local_replicas(strategy))
    )


def _as_tensor(leaf: Any) -> Any:
    return tf.convert_to_tensor(leaf) if is_batched(leaf) and not tf.is_tensor(leaf) else leaf


def slice_rows(batch: Any, replica: int, replicas: int, rows: Any) -> Any:
    """Gives one slice of nested tensors that have so many rows."""
    begin, end = bounds(replica, replicas, rows)
    return keras.tree.map_structure(lambda leaf: _rows(leaf, begin, end), batch)


def bounds(replica: int, replicas: int, rows: Any) -> tuple[Any, Any]:
    """Gives the first row of a replica's slice, and the one after its last.

    Example:
        >>> [bounds(replica, 3, 16) for replica in range(3)]
        [(0, 5), (5, 10), (10, 16)]
        >>> bounds(1, 3, 2)
        (0, 2)
    """
    begin, end = replica * rows // replicas, (replica + 1) * rows // replicas
    if isinstance(rows, int):
        return (begin, end) if rows >= replicas else (0, rows)
    whole = rows < replicas
    return tf.where(whole, tf.zeros_like(rows), begin), tf.where(whole, rows, end)


def _rows(leaf: Any, begin: Any, end: Any) -> Any:
    if not is_batched(leaf):
        return leaf
    if isinstance(leaf, tf.SparseTensor):
        rank = leaf.shape.rank
        others = leaf.dense_shape[1:]
        start = tf.concat([[tf.cast(begin, tf.int64)], tf.zeros([rank - 1], tf.int64)], axis=0)
        size = tf.concat([[tf.cast(end - begin, tf.int64)], others], axis=0)
        return tf.sparse.slice(leaf, start, size)
    return leaf[begin:end]
