"""One worker's part of each global batch, and the exchanges between the steps of local SGD.

Every worker reads every global batch and takes the rows `worker_index::workers` of it. So all
draw the same number of batches, which keeps their exchanges in step, and every row is used once
an epoch. A worker whose part of a small batch is empty takes no step then, and does not count in
the next average.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

from tftrain.distribute.local_sgd import LocalSGDStrategy
from tftrain.distribute.step_metrics import unique
from tftrain.keras_api import keras, tf


class LocalFeed:
    """An epoch iterator's dataset, of which each batch gives this worker's rows."""

    def __init__(self, dataset: tf.data.Dataset, strategy: LocalSGDStrategy) -> None:
        policy = dataset.options().experimental_distribute.auto_shard_policy
        if policy != tf.data.experimental.AutoShardPolicy.OFF:
            dataset = dataset.map(
                lambda *batch: _rows(batch, strategy.worker_index, strategy.workers),
                num_parallel_calls=tf.data.AUTOTUNE,
            ).prefetch(tf.data.AUTOTUNE)
        self.dataset = dataset
        self.steps: LocalSteps | None = None

    def __iter__(self) -> LocalFeedIterator:
        return LocalFeedIterator(self)

    def finish(self) -> None:
        """Ends an epoch: exchanges parameters, sums metrics."""
        if self.steps is not None:
            self.steps.finish()


class LocalFeedIterator:
    """Batches of one `LocalFeed`."""

    def __init__(self, feed: LocalFeed) -> None:
        self.feed = feed
        self._batches = iter(feed.dataset)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._batches)


class LocalSteps:
    """Keras's train or test function with exchanges added.

    Args:
        model: A compiled, built model under a `LocalSGDStrategy`.
        function: The function that Keras made for one worker: takes batches, returns logs.
        trains: Whether its steps change parameters, which then are exchanged.
    """

    def __init__(
        self, model: keras.Model, function: Callable[[Any], dict[str, Any]], trains: bool
    ) -> None:
        self._model = model
        self._function = function
        self._trains = trains
        self._strategy: LocalSGDStrategy = model.distribute_strategy
        self._feed: LocalFeed | None = None
        self._logs: dict[str, Any] = {}
        self._drawn = 0  # batches since the last exchange, the same on every worker
        self._rows = 0  # this worker's examples among them

    def __call__(self, iterator: Any) -> dict[str, Any]:
        """Takes the next steps on this worker's rows, and exchanges when it is time.

        Returns:
            The logs of this worker alone; those of an epoch's end are over all workers.

        Raises:
            StopIteration: `iterator` is exhausted.
        """
        if isinstance(iterator, LocalFeedIterator) and iterator.feed is not self._feed:
            self._begin(iterator.feed)
        batches = list(itertools.islice(iterator, self._model.steps_per_execution))
        if not batches:
            raise StopIteration
        used = [batch for batch in batches if _count(batch)]
        if used:
            self._logs = self._function(iter(used))
        if self._trains:
            self._count_steps(len(batches) - len(used))
            self._drawn += len(batches)
            self._rows += sum(map(_count, used))
            if self._drawn >= self._strategy.sync_every:
                self._exchange()
        return self._logs

    def finish(self) -> None:
        """Exchanges what the epoch's last steps changed, and sums the metrics."""
        if self._trains and self._drawn:
            self._exchange()
        variables = [v for v in unique(self._model.metrics_variables) if v.aggregation == "sum"]
        if variables:
            for variable, total in zip(variables, self._strategy.sum(variables), strict=True):
                variable.assign(tf.cast(total, variable.dtype))

    def _count_steps(self, steps: int) -> None:
        """Counts steps not taken for want of rows, so that schedules agree on all workers."""
        if steps:
            optimizer = self._model.optimizer
            inner = getattr(optimizer, "inner_optimizer", optimizer)
            inner._iterations.assign_add(steps)

    def _begin(self, feed: LocalFeed) -> None:
        """Begins a `fit` or `evaluate`: all workers start from the first worker's parameters."""
        self._feed, feed.steps = feed, self
        if self._trains:
            self._strategy.average(
                self._parameters(), weight=1.0 if self._strategy.worker_index == 0 else 0.0
            )
            self._drawn = self._rows = 0

    def _exchange(self) -> None:
        self._strategy.average(self._parameters(), weight=float(self._rows))
        self._drawn = self._rows = 0

    def _parameters(self) -> list[Any]:
        return unique([*self._model.weights, *self._model.optimizer.variables])


def agree_on_shuffling(strategy: LocalSGDStrategy) -> None:
    """Gives TensorFlow's global seed, which shuffling uses, one new value on all workers."""
    drawn = random.randrange(2**31) if strategy.worker_index == 0 else 0
    tf.random.set_seed(int(strategy.sum([drawn])[0]))


def _rows(batch: tuple[Any, ...], index: int, workers: int) -> Any:
    part = tf.nest.map_structure(lambda tensor: tensor[index::workers], batch)
    return part if len(part) > 1 else part[0]


def _count(batch: Any) -> int:
    first = next(leaf for leaf in keras.tree.flatten(batch) if leaf is not None)
    return int(first.shape[0])
