"""Feeds replicas from a dataset of global batches so that each row is used exactly once.

Symptom: under several workers TensorFlow's own sharding gives a worker batches of its own, with
epochs that depend on the number of files, a last batch that falls to some replicas only, and no
way for a step to know the rows of the whole batch, which exact means need.
Cause: `experimental_distribute_dataset` shards before it batches and drops that knowledge.
Upstream: tensorflow#56513. Versions: seen in TensorFlow 2.21.

Every worker reads the whole dataset and keeps its own slice of each batch (`splitting`), so a
step of any number of replicas sees the very batch that one process would see.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tftrain.distribute import worker_sums
from tftrain.distribute.keras_bridge.replication import workers_of
from tftrain.distribute.keras_bridge.shared_randomness import EpochShuffles
from tftrain.distribute.keras_bridge.splitting import split_for_replicas
from tftrain.distribute.roles import is_multi_worker
from tftrain.errors import StrategyError
from tftrain.keras_api import tf


class Layout(NamedTuple):
    """How an element of a `BatchIterator` holds the batch.

    Attributes:
        split: Whether it holds `(slice, rows)` pairs, or is distributed by TensorFlow.
        may_copy: Whether the batch can have fewer rows than there are replicas.
    """

    split: bool
    may_copy: bool


class GlobalBatches:
    """An iterable of batches for the replicas of this process.

    Args:
        dataset: A `tf.data.Dataset` of global batches, the same on every worker, or a
            `DistributedDataset`, which is used as it is.
        strategy: The strategy that will run the steps.
        batches: Batches in the dataset, or None where they cannot be known or are infinite.
        shuffles: What the dataset was shuffled with, if it wants to know of a new pass.
    """

    def __init__(
        self,
        dataset: Any,
        strategy: Any,
        batches: int | None,
        shuffles: EpochShuffles | None = None,
    ) -> None:
        self._shuffles = shuffles
        self.strategy = strategy
        self.element_spec = dataset.element_spec
        split = isinstance(dataset, tf.data.Dataset) and not _sharded_by_user(dataset)
        self.layout = Layout(split, split and _may_be_small(dataset, strategy))
        # TensorFlow counts elements, not steps, of what it distributes: that is no count to rely on
        self.batches = batches if split else None
        if split:
            self.endless = int(dataset.cardinality()) == tf.data.INFINITE_CARDINALITY
            self._batches = _split_dataset(dataset, strategy)
        else:
            self.endless = False
            self._batches = _distributed(dataset, strategy)

    def count_passes(self, done: int) -> None:
        """Says how many passes there were, in a process that ended, say: the next is in order."""
        if self._shuffles is not None:
            self._shuffles.set_epoch(done)

    def __iter__(self) -> BatchIterator:
        if self._shuffles is not None:
            self._shuffles.next_epoch()
        counted = self.batches is not None or self.endless
        return BatchIterator(iter(self._batches), self, counted)


class BatchIterator:
    """Hands out batches and knows how many are left.

    Attributes:
        source: The iterator to pass into a `tf.function`; `next_element` reads it there.
        counted: Whether steps can be taken without asking first if there is another batch.
    """

    def __init__(self, source: Any, batches: GlobalBatches, counted: bool) -> None:
        self.source = source
        self.strategy = batches.strategy
        self.layout = batches.layout
        self.counted = counted
        self._left = None if batches.endless else batches.batches

    def take(self, steps: int) -> int:
        """Reserves up to `steps` batches and tells how many there are to take.

        Raises:
            StopIteration: None is left.
        """
        if self._left is None:
            return steps
        granted = min(steps, self._left)
        if granted == 0:
            raise StopIteration
        self._left -= granted
        return granted

    def __iter__(self) -> Iterator[ReplicaBatch]:
        return self

    def __next__(self) -> ReplicaBatch:
        if self.counted:
            self.take(1)
        elif self.layout.split and is_multi_worker(self.strategy):
            return ReplicaBatch(self._next_on_all_workers(), self.layout)
        return ReplicaBatch(next(self.source), self.layout)

    def _next_on_all_workers(self) -> Any:
        element = next(self.source, None)
        running = _workers_running(self.strategy, element is not None)
        if running == 0:
            raise StopIteration
        if running < workers_of(self.strategy):
            state = "ended" if element is None else "still has batches"
            raise StrategyError(
                f"the data of this worker {state} while the data of other workers did not agree: "
                "every worker must be given the same batches; use one seed for all shuffling "
                "and generators that yield the same number of batches on every worker"
            )
        return element


class ReplicaBatch:
    """One batch, cut for the replicas of this process.

    Attributes:
        element: What a `BatchIterator` yields.
        layout: How it holds the batch.
    """

    def __init__(self, element: Any, layout: Layout) -> None:
        self.element = element
        self.layout = layout


def split_batch(batch: Any, strategy: Any) -> ReplicaBatch:
    """Cuts one global batch of arrays or tensors, the same on every worker."""
    return ReplicaBatch(split_for_replicas(batch, strategy), Layout(split=True, may_copy=True))


def per_replica(element: Any, layout: Layout, strategy: Any) -> tuple[Any, Any]:
    """Turns an element into the arguments of a step in `strategy.run`: data, and all its rows.

    The rows are None where only TensorFlow knows how the data were distributed.
    """
    if not layout.split:
        return element, None
    slices = [data for data, _ in element]
    if len(slices) == 1:
        return slices[0], element[0][1]
    rows = element[0][1]
    data = strategy.experimental_distribute_values_from_function(
        lambda context: slices[context.replica_id_in_sync_group % len(slices)]
    )
    return data, rows


def _may_be_small(dataset: Any, strategy: Any) -> bool:
    rows = [getattr(spec, "shape", [None])[:1] for spec in tf.nest.flatten(dataset.element_spec)]
    known = [int(first[0]) for first in rows if len(first) and first[0] is not None]
    return not known or known[0] < strategy.num_replicas_in_sync


def _split_dataset(dataset: Any, strategy: Any) -> Any:
    is_tuple = isinstance(dataset.element_spec, tuple)

    def split(*batch: Any) -> Any:
        return split_for_replicas(batch if is_tuple else batch[0], strategy)

    parallel = dataset.map(split, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return parallel.prefetch(tf.data.AUTOTUNE)


def _distributed(dataset: Any, strategy: Any) -> Any:
    if isinstance(dataset, tf.data.Dataset):
        return strategy.experimental_distribute_dataset(dataset)
    return dataset


def _sharded_by_user(dataset: Any) -> bool:
    policy = dataset.options().experimental_distribute.auto_shard_policy
    policies = tf.data.experimental.AutoShardPolicy
    if policy == policies.FILE:
        raise StrategyError(
            "AutoShardPolicy.FILE gives workers different batches, and starves a worker when "
            "there are fewer files than workers: leave the policy at AUTO or DATA, or shard the "
            "files yourself in strategy.distribute_datasets_from_function"
        )
    return policy in (policies.OFF, policies.HINT)


def _workers_running(strategy: Any, running: bool) -> int:
    return int(worker_sums.over_workers(strategy, [tf.constant(int(running))])[0])
