"""Variables of which each replica keeps a value of its own, read and restored one by one.

TensorFlow reads such a variable as the sum over replicas, which is what a metric needs. What a
gradient codec owes to later steps is another matter: who owes it counts, if a training is to go
on as if it had never stopped. Such variables are read as one array with an axis of replicas first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tftrain.distribute import roles, worker_sums
from tftrain.distribute.keras_bridge.replication import first_replica
from tftrain.keras_api import tf


def read(variable: Any, strategy: Any) -> tf.Tensor:
    """A Keras variable's value, or `[replicas, ...]` of all its values; together on all workers."""
    if not _is_owed(variable):
        return tf.convert_to_tensor(variable.value)
    parts = strategy.experimental_local_results(variable.value)
    if not roles.is_multi_worker(strategy):
        return tf.stack([tf.convert_to_tensor(part) for part in parts])
    values = np.zeros([strategy.num_replicas_in_sync, *variable.shape], variable.dtype)
    begin = first_replica(strategy)
    values[begin : begin + len(parts)] = [part.numpy() for part in parts]
    return worker_sums.over_workers(strategy, [values])[0]


def assign(variable: Any, array: np.ndarray, strategy: Any) -> None:
    """Gives the variable, or this worker's replicas, what `read` has read.

    Among another number of replicas the sum of what was owed is divided evenly.
    """
    if not _is_owed(variable):
        variable.assign(array)
        return
    parts = strategy.experimental_local_results(variable.value)
    replicas, begin = strategy.num_replicas_in_sync, first_replica(strategy)
    if len(array) != replicas:
        array = np.repeat(array.sum(axis=0, keepdims=True) / replicas, replicas, axis=0)
    for part, value in zip(parts, array[begin:], strict=False):
        part.assign(value)


def fits(variable: Any, array: np.ndarray) -> bool:
    """Whether an array that `read` has read is of this variable's shape."""
    shape = array.shape[1:] if _is_owed(variable) else array.shape
    return tuple(variable.shape) == tuple(shape)


def _is_owed(variable: Any) -> bool:
    """Whether it is one of those that a gradient codec keeps; metrics are read as their sum."""
    return getattr(variable, "differs_between_replicas", False)
