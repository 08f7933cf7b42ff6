"""Which strategies the repairs concern: replicas updating mirrored variables in step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tftrain.distribute.roles import is_multi_worker
from tftrain.keras_api import tf


def is_replicated(strategy: Any) -> bool:
    """Whether `strategy` runs a step on replicas that must be kept in agreement.

    True for MirroredStrategy with two or more devices and for MultiWorkerMirroredStrategy of any
    size: one worker alone has nothing to repair, but the repaired loop is the faster one
    (docs/speed-distribution.md). False for one device, parameter servers and TPUs, where Keras is
    left as it is.
    """
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return True
    mirrored = isinstance(strategy, tf.distribute.MirroredStrategy)
    return mirrored and strategy.num_replicas_in_sync > 1


def replica_context() -> Any | None:
    """The replica context of a replicated strategy, or None anywhere else."""
    context = tf.distribute.get_replica_context()
    return context if context is not None and is_replicated(context.strategy) else None


def local_replicas(strategy: Any) -> int:
    """The number of replicas in this process."""
    return len(strategy.extended.worker_devices)


def workers_of(strategy: Any) -> int:
    """The number of processes that hold replicas."""
    return strategy.num_replicas_in_sync // local_replicas(strategy)


def first_replica(strategy: Any) -> int:
    """The index, among all replicas of all workers, of this process's first replica."""
    if not is_multi_worker(strategy):
        return 0
    return strategy.extended._id_in_cluster * local_replicas(strategy)


def sum_over_replicas(tensors: Sequence[Any]) -> list[Any]:
    """Sums each tensor over all replicas, with one all-reduce for each dtype.

    Call it in a replica context. Shapes must agree between replicas.
    """
    context = tf.distribute.get_replica_context()
    sums: list[Any] = [None] * len(tensors)
    by_dtype: dict[Any, list[int]] = {}
    for position, tensor in enumerate(tensors):
        by_dtype.setdefault(tensor.dtype, []).append(position)
    for positions in by_dtype.values():
        flat = tf.concat([tf.reshape(tensors[p], [-1]) for p in positions], axis=0)
        total = context.all_reduce(tf.distribute.ReduceOp.SUM, flat)
        parts = tf.split(total, [tf.size(tensors[p]) for p in positions])
        for position, part in zip(positions, parts, strict=True):
            sums[position] = tf.reshape(part, tf.shape(tensors[position]))
            sums[position].set_shape(tensors[position].shape)
    return sums
