"""Batches in an order that is a function of the seed and the epoch, so a run can resume."""

from __future__ import annotations

import math

from tftrain.data.examples import Examples
from tftrain.keras_api import tf


def steps_per_epoch(examples: Examples, batch_size: int) -> int:
    """Number of batches that hold every example once; the last may be smaller."""
    return math.ceil(len(examples) / batch_size)


def training_batches(
    examples: Examples, batch_size: int, *, seed: int, first_epoch: int = 0
) -> tf.data.Dataset:
    """Endless batches; every epoch is a full permutation drawn from (seed, epoch).

    Epoch k is the same whether the run began at epoch 0 or resumed at k.

    Args:
        examples: What to draw from, `[N, ...]`.
        batch_size: Examples a batch; the last batch of an epoch holds what is left.
        seed: Any integer.
        first_epoch: The epoch to begin with.

    Returns:
        A dataset of (x `[B, ...]`, y `[B]`), `steps_per_epoch` batches an epoch.

    Example:
        >>> import numpy as np
        >>> examples = Examples(np.arange(5.0), np.arange(5))
        >>> [y.shape[0] for _, y in training_batches(examples, 2, seed=0).take(4)]
        [2, 2, 1, 2]
    """
    x, y = tf.constant(examples.x), tf.constant(examples.y)

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(len(examples)), seed=tf.stack([tf.constant(seed, tf.int64), epoch])
        )
        batches = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
        return batches.map(lambda index: (tf.gather(x, index), tf.gather(y, index)))

    epochs = tf.data.Dataset.counter(start=first_epoch)
    endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
    return epochs.flat_map(one_epoch).apply(endless).prefetch(tf.data.AUTOTUNE)
