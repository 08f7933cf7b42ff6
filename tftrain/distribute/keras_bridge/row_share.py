"""How much of the global batch a replica holds while it runs a step.

A mean over the global batch is the sum over replicas of `share * mean over the replica's rows`,
where `share` is the replica's rows divided by all rows. With even replicas the share is one
divided by the number of replicas, which is what Keras always assumes.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from tftrain.distribute.keras_bridge.replication import sum_over_replicas
from tftrain.keras_api import keras, tf


class RowShare:
    """The rows of one replica and of the global batch.

    Attributes:
        rows: Rows this replica holds, an int where the shape is static, else an int64 scalar.
        fraction: What the replica's mean weighs in the global mean, a float32 scalar. A replica
            with a copy of a batch weighs nothing, so that no gradient is counted in parts: Keras
            optimizers square gradients of embeddings row by row.
        is_copy: Whether the replica holds a copy of a batch that another replica counts, a bool
            scalar, or None where that cannot be.
        may_be_empty: Whether the replica can hold no row at all.
    """

    def __init__(self, rows: Any, all_rows: Any | None, may_copy: bool) -> None:
        self.rows = rows
        self.may_be_empty = all_rows is None and not (isinstance(rows, int) and rows > 0)
        self.is_copy = None
        if all_rows is None:
            all_rows = sum_over_replicas([tf.cast(rows, tf.int64)])[0]
        elif may_copy:
            self.is_copy = _is_copy(all_rows)
        self.fraction = self.part(tf.cast(rows, tf.float32)) / tf.cast(all_rows, tf.float32)

    def weigh(self, value: Any) -> Any:
        """Gives `value * fraction` in the dtype of `value`; zero where there is no row."""
        return tf.math.multiply_no_nan(value, tf.cast(self.fraction, value.dtype))

    def part(self, total: Any) -> Any:
        """Gives the replica's part of a sum over all rows, from the sum over its own."""
        return total if self.is_copy is None else total * tf.cast(~self.is_copy, total.dtype)

    def sum_over_parts(self, tensors: Sequence[Any]) -> list[Any]:
        """Sums each tensor over all parts of the global batch."""
        return sum_over_replicas(tensors)


def _is_copy(all_rows: Any) -> Any:
    context = tf.distribute.get_replica_context()
    small = tf.cast(all_rows, tf.int64) < context.num_replicas_in_sync
    return tf.logical_and(small, context.replica_id_in_sync_group > 0)


_active = threading.local()  # each replica of MirroredStrategy runs in a thread of its own


@contextlib.contextmanager
def row_share(data: Any, all_rows: Any | None, may_copy: bool = False) -> Iterator[RowShare]:
    """Tells the repairs, within the block, what share of the global batch `data` is.

    Args:
        data: What a step receives: nested tensors whose first axis are the replica's rows.
        all_rows: Rows of the global batch, or None to count them with an all-reduce.
        may_copy: Whether a batch of fewer rows than replicas is copied to every replica.
    """
    with sharing(RowShare(count_rows(data), all_rows, may_copy)) as share:
        yield share


@contextlib.contextmanager
def sharing(share: RowShare) -> Iterator[RowShare]:
    """Tells the repairs, within the block, of this share."""
    previous = current()
    _active.share = share
    try:
        yield share
    finally:
        _active.share = previous


def current() -> RowShare | None:
    """The share of the replica running in this thread, or None outside a step."""
    return getattr(_active, "share", None)


def count_rows(data: Any) -> Any:
    """Counts the rows of nested tensors: an int where the shape is static, else an int64 scalar.

    Raises:
        ValueError: There is no tensor in `data`.
    """
    first = next((leaf for leaf in keras.tree.flatten(data) if is_batched(leaf)), None)
    if first is None:
        raise ValueError(f"expected a batch with at least one tensor, received {data!r}")
    if isinstance(first, tf.SparseTensor):
        return first.dense_shape[0] if first.shape[0] is None else int(first.shape[0])
    if isinstance(first, tf.RaggedTensor):
        return first.nrows(out_type=tf.int64)
    rows = first.shape[0]
    return tf.shape(first, out_type=tf.int64)[0] if rows is None else int(rows)


def is_batched(leaf: Any) -> bool:
    """Whether `leaf` holds rows; generators stand an Optional where a batch has None."""
    return leaf is not None and not isinstance(leaf, tf.experimental.Optional)
