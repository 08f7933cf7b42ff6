"""Sums over the workers of a job: how they tell one another anything through TensorFlow.

All workers must call these functions in the same order, outside of a step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tftrain.distribute.keras_bridge.replication import local_replicas, sum_over_replicas
from tftrain.keras_api import tf


def over_workers(strategy: Any, values: Sequence[Any]) -> list[Any]:
    """Adds each tensor over all workers.

    Args:
        strategy: The MultiWorkerMirroredStrategy.
        values: Floats or signed integers; shapes and dtypes are the same on all workers.

    Returns:
        Eager tensors of the same shapes and dtypes, equal on all workers.
    """
    tensors = [tf.convert_to_tensor(value) for value in values]
    sums = {}
    with _outside_scopes():
        for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
            parts = [tf.reshape(tensor, [-1]) for tensor in tensors if tensor.dtype == dtype]
            total = _sum_of(strategy, dtype)(tf.concat(parts, axis=0))
            sums[dtype] = iter(tf.split(total, [part.shape[0] for part in parts]))
        return [tf.reshape(next(sums[tensor.dtype]), tensor.shape) for tensor in tensors]


def _sum_of(strategy: Any, dtype: Any) -> Callable[[Any], Any]:
    """The function that adds vectors of this type, traced once."""
    # Kept with the strategy: a function made anew would be traced anew, and an eager
    # `strategy.run` is slow, with a warning to the user, as there is one of retracing.
    if not hasattr(strategy, "_tftrain_sums"):
        strategy._tftrain_sums = {}
    if dtype not in strategy._tftrain_sums:
        strategy._tftrain_sums[dtype] = _sum_function(strategy, dtype)
    return strategy._tftrain_sums[dtype]


def of_chief(strategy: Any, values: Sequence[Any]) -> list[Any]:
    """Gives every worker the chief's tensors, by a sum to which the others add zeros."""
    if not strategy.extended.should_checkpoint:
        values = [tf.zeros_like(value) for value in values]
    return over_workers(strategy, values)


@contextlib.contextmanager
def _outside_scopes() -> Iterator[None]:
    """Leaves the scope that the caller may be in: TensorFlow refuses another strategy's there."""
    from tensorflow.python.framework import ops

    with tf.init_scope():
        graph = ops.get_default_graph()
        stack, graph._distribution_strategy_stack = graph._distribution_strategy_stack, []
        try:
            yield
        finally:
            graph._distribution_strategy_stack = stack


def _sum_function(strategy: Any, dtype: Any) -> Callable[[Any], Any]:
    def on_replica(value: Any) -> Any:
        index = tf.distribute.get_replica_context().replica_id_in_sync_group
        speaks = index % local_replicas(strategy) == 0  # one device a worker
        # An argument has no device yet, and the reduction looks for one: hence a new tensor.
        return sum_over_replicas([tf.where(speaks, value, tf.zeros_like(value))])[0]

    def total(value: Any) -> Any:
        return strategy.experimental_local_results(strategy.run(on_replica, args=(value,)))[0]

    return tf.function(total, autograph=False, input_signature=[tf.TensorSpec([None], dtype)])
