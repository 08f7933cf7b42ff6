"""Makes all workers shuffle alike, so that every row is used once in an epoch.

Symptom: with several workers `fit(x, y)` shuffles differently on each, and some rows are used
twice in an epoch while others are never used.
Cause: every process draws its own seed.
Upstream: no report known to us. Versions: seen in Keras 3.12.4 and 3.15.1.

All workers take over the first worker's random states, which keep their meaning there: a run with
a seed shuffles as one process would with it. Where TensorFlow has no global seed, arrays are
shuffled with a seed that the workers agree on, another in each epoch.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np

from tftrain.distribute import worker_sums
from tftrain.errors import StrategyError
from tftrain.keras_api import tf

_UNSEEDED = -1


def adopt_from_first_worker(strategy: Any) -> EpochShuffles | None:
    """Sets the states of `random`, `numpy.random` and TensorFlow's global seed on all workers.

    All workers must call it together.

    Returns:
        What to shuffle arrays with, or None where the first worker has a global seed.
    """
    python, legacy = random.getstate(), np.random.get_state()
    own_seed = random.SystemRandom().getrandbits(31)
    words = [[_global_seed(), own_seed], python[1], legacy[1], legacy[2:3]]
    first = _of_first_worker(strategy, np.concatenate(words).astype(np.int64))
    global_seed, agreed_seed = int(first[0]), int(first[1])
    if strategy.extended._id_in_cluster != 0:
        end = 2 + len(python[1])
        random.setstate((python[0], tuple(int(word) for word in first[2:end]), None))
        np.random.set_state((legacy[0], first[end:-1].astype(np.uint32), int(first[-1]), 0, 0.0))
        if global_seed not in (_UNSEEDED, _global_seed()):
            tf.random.set_seed(global_seed)
    return EpochShuffles(agreed_seed) if global_seed == _UNSEEDED else None


class EpochShuffles:
    """A seed for each epoch, for datasets that are built once.

    Args:
        seed: The seed that all workers agreed on.
    """

    def __init__(self, seed: int) -> None:
        with tf.device("CPU:0"), tf.init_scope():
            self._seed = tf.Variable([seed, 0], dtype=tf.int64, trainable=False)

    def next_epoch(self) -> None:
        """Makes the next pass over the data another order."""
        self._seed.assign_add([0, 1])

    def set_epoch(self, epoch: int) -> None:
        """Makes the next pass over the data that of an epoch."""
        self._seed.assign_add([0, epoch - self._seed.numpy()[1]])

    def set_seed(self, seed: int) -> None:
        """Makes the orders from the next pass on those of another seed."""
        self._seed.assign([seed, self._seed.numpy()[1]])

    @contextlib.contextmanager
    def in_place_of_unseeded(self) -> Iterator[None]:
        """Within the block, `tf.random.shuffle` follows the seed of the epoch it runs in."""
        unseeded = tf.random.shuffle
        tf.random.shuffle = self.shuffled
        try:
            yield
        finally:
            tf.random.shuffle = unseeded

    def shuffled(self, value: Any, seed: Any = None, name: Any = None) -> Any:
        """The tensor's rows in the order of the epoch; in place of `tf.random.shuffle`."""
        return tf.random.experimental.stateless_shuffle(value, seed=self._seed)


def require_seeded_shuffles(dataset: Any) -> None:
    """Checks that a dataset comes in the same order on every worker.

    Raises:
        StrategyError: It is shuffled without a seed.
    """
    if _is_unseeded_shuffle(dataset):
        raise StrategyError(
            "the dataset is shuffled without a seed, so every worker has another order and rows "
            "would be used twice or never: pass dataset.shuffle(..., seed=...), or call "
            "keras.utils.set_random_seed(...) before building the dataset"
        )
    for source in dataset._inputs():
        require_seeded_shuffles(source)


def _is_unseeded_shuffle(dataset: Any) -> bool:
    seeds = [getattr(dataset, name, None) for name in ("_seed", "_seed2")]
    shuffles = "Shuffle" in type(dataset).__name__
    return shuffles and all(s is not None and int(tf.get_static_value(s)) == 0 for s in seeds)


def _of_first_worker(strategy: Any, state: np.ndarray) -> np.ndarray:
    return worker_sums.of_chief(strategy, [state])[0].numpy()


def _global_seed() -> int:
    from tensorflow.python.eager import context

    seed = context.global_seed()
    return _UNSEEDED if seed is None else int(seed)
