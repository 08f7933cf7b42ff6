"""The collectives of a step, as few as can be: tensors are joined before they are sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tftrain.keras_api import tf


class Wires:
    """What a replica exchanges with all others; to be used in a replica context.

    Args:
        gather: Gives, for a tensor of shape (1, n), equal on all replicas but for its content,
            the tensor (replicas, n) of all of them.
        step: The exchange's number, int64, for codecs that draw lots.
    """

    def __init__(self, gather: Callable[[Any], Any], step: Any) -> None:
        self._gather = gather
        self.step = step
        context = tf.distribute.get_replica_context()
        self.replicas = context.num_replicas_in_sync
        self.replica = context.replica_id_in_sync_group

    def sum(self, tensors: Mapping[Any, Any]) -> dict[Any, Any]:
        """Sums each tensor over replicas, with one collective for all.

        Args:
            tensors: Of one dtype: float16, bfloat16, float32 or int32, with static shapes.
        """
        if not tensors:
            return {}
        flat = tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors.values()], axis=0)
        total = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, flat)
        sizes = [tensor.shape.num_elements() for tensor in tensors.values()]
        parts = tf.split(total, sizes)
        return {
            key: tf.reshape(part, tensor.shape)
            for (key, tensor), part in zip(tensors.items(), parts, strict=True)
        }

    def gather(self, tensors: Sequence[Any]) -> list[list[Any]]:
        """Gives every replica the tensors of all, with one collective.

        Args:
            tensors: float32, int32 or int8, with static shapes.

        Returns:
            For each replica, in their order, its tensors.
        """
        packed = tf.concat([_as_words(tensor) for tensor in tensors], axis=0)
        rows = tf.ensure_shape(self._gather(packed[None]), [self.replicas, packed.shape[0]])
        return [_from_words(row, tensors) for row in tf.unstack(rows)]


def words(elements: int, bytes_each: int) -> int:
    """How many words of 32 bits hold so many elements."""
    return -(-elements * bytes_each // 4)


def _as_words(tensor: Any) -> Any:
    """The bits of a tensor as int32: collectives carry no smaller integers."""
    flat = tf.reshape(tensor, [-1])
    if flat.dtype.size == 4:
        return tf.bitcast(flat, tf.int32)
    each = 4 // flat.dtype.size
    padded = tf.pad(flat, [[0, -flat.shape[0] % each]])
    return tf.bitcast(tf.reshape(padded, [-1, each]), tf.int32)


def _from_words(row: Any, likes: Sequence[Any]) -> list[Any]:
    sizes = [words(like.shape.num_elements(), like.dtype.size) for like in likes]
    found = []
    for part, like in zip(tf.split(row, sizes), likes, strict=True):
        flat = tf.reshape(tf.bitcast(part, like.dtype), [-1])
        found.append(tf.reshape(flat[: like.shape.num_elements()], like.shape))
    return found
