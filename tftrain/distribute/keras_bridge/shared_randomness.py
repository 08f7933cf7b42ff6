"""Gives all workers the first worker's random state, so that they shuffle alike.

Symptom: with several workers `fit(x, y)` shuffles differently on each, and some rows are used
twice in an epoch while others are never used.
Cause: every process draws its own seed. Upstream: keras#20329. Versions: Keras 3.0 up to 3.15.

What the first worker has seeded keeps its meaning there, so that a run with one seed shuffles
as one process would.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from tftrain.distribute.keras_bridge.replication import sum_over_replicas
from tftrain.keras_api import tf

_UNSEEDED = -1


def adopt_from_first_worker(strategy: Any) -> None:
    """Sets the states of `random`, `numpy.random` and TensorFlow's global seed on all workers.

    All workers must call it together. TensorFlow's global seed is drawn where none is set.
    """
    python, legacy = random.getstate(), np.random.get_state()
    own = np.concatenate([[_tensorflow_seed()], python[1], legacy[1], legacy[2:3]]).astype(np.int64)
    first = _of_first_worker(strategy, own)
    if strategy.extended._id_in_cluster == 0:
        return
    end = 1 + len(python[1])
    random.setstate((python[0], tuple(int(word) for word in first[1:end]), None))
    np.random.set_state((legacy[0], first[end:-1].astype(np.uint32), int(first[-1]), 0, 0.0))
    if int(first[0]) != _global_seed():
        tf.random.set_seed(int(first[0]))


def _of_first_worker(strategy: Any, state: np.ndarray) -> np.ndarray:
    mine = state if strategy.extended._id_in_cluster == 0 else np.zeros_like(state)

    def total() -> Any:
        is_first = tf.distribute.get_replica_context().replica_id_in_sync_group == 0
        return sum_over_replicas([tf.where(is_first, mine, 0)])[0]

    return strategy.experimental_local_results(tf.function(strategy.run)(total))[0].numpy()


def _tensorflow_seed() -> int:
    seed = _global_seed()
    if seed == _UNSEEDED:
        seed = random.SystemRandom().getrandbits(31)
        tf.random.set_seed(seed)
    return seed


def _global_seed() -> int:
    from tensorflow.python.eager import context

    seed = context.global_seed()
    return _UNSEEDED if seed is None else int(seed)
