"""Epochs over global batches, each row used once, under a replicated strategy.

Symptom: workers given the same arrays or datasets train on differently shuffled copies, uneven
last batches reach some replicas only, and `fit` asks for one batch after another with a
collective to see whether there is one.
Cause: `TFEpochIterator` hands the dataset to `experimental_distribute_dataset` as it is.
Upstream: tensorflow#56513. Versions: seen in Keras 3.12.4 and 3.15.1.
"""

from __future__ import annotations

import contextlib
from typing import Any

from tftrain.distribute.keras_bridge import shared_randomness
from tftrain.distribute.keras_bridge.global_batches import GlobalBatches
from tftrain.distribute.keras_bridge.replication import is_replicated
from tftrain.distribute.roles import is_multi_worker
from tftrain.keras_api import tf


def install() -> None:
    """Makes `fit`, `evaluate` and `predict` read `GlobalBatches` under a replicated strategy."""
    from keras.src.backend.tensorflow.trainer import TFEpochIterator
    from keras.src.trainers.epoch_iterator import EpochIterator

    single = TFEpochIterator.__init__

    def __init__(self: Any, distribute_strategy: Any = None, *args: Any, **kwargs: Any) -> None:
        if not is_replicated(distribute_strategy):
            single(self, distribute_strategy, *args, **kwargs)
            return
        EpochIterator.__init__(self, *args, **kwargs)
        self._distribute_strategy = distribute_strategy
        self._distributed_dataset = batches_of(self.data_adapter, distribute_strategy)

    TFEpochIterator.__init__ = __init__


def batches_of(adapter: Any, strategy: Any) -> GlobalBatches:
    """Gives the batches of a Keras data adapter, in the same order on every worker.

    Raises:
        StrategyError: Workers would be given different orders.
    """
    if not is_multi_worker(strategy):
        return GlobalBatches(adapter.get_tf_dataset(), strategy, adapter.num_batches)
    shuffles = shared_randomness.adopt_from_first_worker(strategy)
    with shuffles.in_place_of_unseeded() if shuffles else contextlib.nullcontext():
        dataset = adapter.get_tf_dataset()
    if isinstance(dataset, tf.data.Dataset):
        shared_randomness.require_seeded_shuffles(dataset)
    return GlobalBatches(dataset, strategy, adapter.num_batches, shuffles)
