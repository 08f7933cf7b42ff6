"""Clips, accumulates and averages the gradient of all replicas, not of each one.

Symptoms: `global_clipnorm=0.01` on two replicas gives an update of norm 0.02;
`gradient_accumulation_steps` and `ema_overwrite_frequency` raise a RuntimeError about
`merge_call` under MirroredStrategy.
Causes: the Keras optimizer clips before it sums over replicas; it updates variables within a
condition that each replica takes on its own.
Upstream: tensorflow#33929, keras#20582. Versions: seen in Keras 3.12.4 and 3.15.1.

Gradients are summed over replicas first, once; what follows sees the global gradient, and
conditions are taken once for all replicas. Whoever calls `optimizer.apply` in a step of their own
gives it the gradient of the replica, as with Keras alone, and reduces nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from tftrain.distribute.keras_bridge import row_share
from tftrain.distribute.keras_bridge.equal_gather import gather_equal
from tftrain.distribute.keras_bridge.replication import replica_context
from tftrain.keras_api import keras, tf


def install() -> None:
    """Replaces how the TensorFlow optimizer applies gradients in a replica."""
    optimizer = keras.optimizers.Optimizer
    single_apply = optimizer._backend_apply_gradients
    single_sum = optimizer._all_reduce_sum_gradients

    def _backend_apply_gradients(self: Any, grads: Sequence[Any], variables: Sequence[Any]) -> None:
        if replica_context() is None:
            single_apply(self, grads, variables)
            return
        grads = sum_gradients(self, grads, variables)
        with gradients_summed(self):
            apply_summed_gradients(self, grads, variables)

    def _all_reduce_sum_gradients(self: Any, grads_and_vars: Any) -> Any:
        return list(grads_and_vars) if _are_summed(self) else single_sum(self, grads_and_vars)

    optimizer._backend_apply_gradients = _backend_apply_gradients
    optimizer._all_reduce_sum_gradients = _all_reduce_sum_gradients
    optimizer._tftrain_asks_for_codec = True  # tftrain.optim.compress_gradients counts on it


def sum_gradients(
    optimizer: Any, grads: Sequence[Any], variables: Sequence[Any], scale: Any = None
) -> list[Any]:
    """Sums a replica's gradients over all replicas, unless that was done; keeps None in place.

    An optimizer with a `gradient_compression` that is active does so in its own way.

    Args:
        optimizer: Whose gradients they are.
        grads: Tensors, IndexedSlices or None.
        variables: Theirs.
        scale: What the loss was multiplied by, if it was.
    """
    if _are_summed(optimizer):
        return list(grads)
    present = _without_empty_replica([grad for grad in grads if grad is not None])
    compression = getattr(optimizer, "gradient_compression", None)
    if compression is not None and compression.active:
        known = [v for v, grad in zip(variables, grads, strict=True) if grad is not None]
        summed = iter(compression.sum(present, known, gather_equal, scale))
    else:
        summed = iter(tf.distribute.get_replica_context().all_reduce("SUM", present))
    return [None if grad is None else next(summed) for grad in grads]


@contextlib.contextmanager
def gradients_summed(optimizer: Any) -> Iterator[None]:
    """Within the block `optimizer` takes gradients as summed over replicas.

    The mark is on the optimizer, not on the thread: `merge_call` starts threads of its own.
    Replicas pass the block in step, so that none leaves it while another still needs it.
    """
    outermost = not _are_summed(optimizer)
    optimizer.__dict__["_tftrain_summed"] = True
    try:
        yield
    finally:
        if outermost:
            optimizer.__dict__["_tftrain_summed"] = False


def _are_summed(optimizer: Any) -> bool:
    return optimizer.__dict__.get("_tftrain_summed", False)


def _without_empty_replica(grads: list[Any]) -> list[Any]:
    """Gives zeros where the replica has no row: means over nothing are NaN in some models."""
    share = row_share.current()
    if share is None or not share.may_be_empty:
        return grads
    has_rows = tf.cast(share.rows, tf.int64) > 0
    return tf.cond(has_rows, lambda: grads, lambda: [_zeros(grad) for grad in grads])


def _zeros(grad: Any) -> Any:
    if isinstance(grad, tf.IndexedSlices):
        return tf.IndexedSlices(tf.zeros_like(grad.values), grad.indices, grad.dense_shape)
    return tf.zeros_like(grad)


def apply_summed_gradients(optimizer: Any, grads: Sequence[Any], variables: Sequence[Any]) -> None:
    """Updates `variables`, or the accumulators, then the moving averages; in a replica."""
    if optimizer.gradient_accumulation_steps:
        tf.distribute.get_replica_context().merge_call(
            lambda strategy, *args: _accumulate_or_update(strategy, optimizer, *args),
            args=(list(grads), list(variables)),
        )
    else:
        _update(optimizer, grads, variables)
    if optimizer.use_ema:
        optimizer._update_model_variables_moving_average(optimizer._trainable_variables)
        if optimizer.ema_overwrite_frequency:
            tf.distribute.get_replica_context().merge_call(
                lambda strategy: _overwrite_with_average(optimizer)
            )


def _update(optimizer: Any, grads: Sequence[Any], variables: Sequence[Any]) -> None:
    grads = optimizer._clip_gradients(grads)
    optimizer._apply_weight_decay(variables)
    optimizer._backend_update_step(grads, variables, optimizer.learning_rate)


def _accumulate_or_update(strategy: Any, optimizer: Any, grads: Any, variables: Any) -> None:
    steps = optimizer.gradient_accumulation_steps
    sums = [optimizer._accumulated_gradients[optimizer._get_variable_index(v)] for v in variables]

    def update(grads: Sequence[Any]) -> None:
        means = [(grad + total) / steps for grad, total in zip(grads, sums, strict=True)]
        _update(optimizer, means, variables)
        optimizer._backend_reset_gradient_accumulators()

    def accumulate(grads: Sequence[Any]) -> None:
        for grad, total in zip(grads, sums, strict=True):
            total.assign_add(grad)

    def on_replicas(act: Any) -> None:
        strategy.extended.call_for_each_replica(act, args=(grads,))

    is_update = tf.equal((optimizer._iterations.value + 1) % steps, 0)
    tf.cond(is_update, lambda: on_replicas(update), lambda: on_replicas(accumulate))


def _overwrite_with_average(optimizer: Any) -> None:
    due = tf.equal((optimizer.iterations + 1) % optimizer.ema_overwrite_frequency, 0)
    variables = optimizer._trainable_variables
    tf.cond(
        due,
        lambda: optimizer._overwrite_model_variables_with_average_value(variables),
        lambda: None,
    )
