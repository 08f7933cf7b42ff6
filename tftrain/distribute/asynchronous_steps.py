"""A model's train, test and predict steps, run by whichever worker is free.

The coordinator reads the batches and sends each with the step that uses it. So every example is
used exactly once an epoch in the order the dataset gives, whatever the number of workers, and a
batch whose worker dies goes to another. Workers hold no data and need no access to it.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from tftrain.distribute.dispatcher import Dispatcher
from tftrain.distribute.lazy_values import LazyValue
from tftrain.distribute.packing import Packing
from tftrain.distribute.step_metrics import Tally, unique, within_step
from tftrain.keras_api import keras, tf

REFRESH = 0.1  # seconds between evaluations of the running metrics a progress bar shows


class Feed:
    """An epoch iterator's dataset, read on the coordinator."""

    def __init__(self, dataset: tf.data.Dataset) -> None:
        self._dataset = dataset
        self.steps: MeasuredSteps | None = None

    def __iter__(self) -> FeedIterator:
        return FeedIterator(self)

    def finish(self) -> None:
        """Waits for the steps that use this feed, and brings the metrics up to date."""
        if self.steps is not None:
            self.steps.finish()


class FeedIterator:
    """Batches of one `Feed`, and a mark for telling an epoch from a single batch."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self._batches = iter(feed._dataset)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._batches)


class MeasuredSteps:
    """Keras's train or test function: sends steps to the workers and gathers their metrics.

    Args:
        model: A compiled, built model.
        step: `model.train_step` or `model.test_step`.
        dispatcher: Sends the steps.
    """

    def __init__(
        self, model: keras.Model, step: Callable[[Any], dict[str, Any]], dispatcher: Dispatcher
    ) -> None:
        self._model = model
        self._dispatcher = dispatcher
        self._tally = Tally(unique(model.metrics_variables))
        self._packing = Packing()
        self._lock = threading.Lock()
        self._logs: dict[str, Any] | None = None  # of the newest finished step
        self._keys: tuple[str, ...] = ()
        self._finished = True  # nothing was sent since the metrics were last brought up to date
        self._shown: dict[str, Any] = {}
        self._shown_at = 0.0
        self._execution = tf.function(self._trace(step), reduce_retracing=True, autograph=False)

    def __call__(self, iterator: Any) -> dict[str, Any]:
        """Sends the next `steps_per_execution` batches as one step.

        Returns:
            The names of the logs with values fetched when read: inside an epoch the metrics over
            the steps finished so far, at most `REFRESH` seconds old.

        Raises:
            StopIteration: `iterator` is exhausted.
        """
        batches = tuple(itertools.islice(iterator, self._model.steps_per_execution))
        if not batches:
            raise StopIteration
        if self._finished:
            self._finished, self._logs, self._shown_at = False, None, 0.0
        self._dispatcher.schedule(self._execution, (batches,), self._receive)
        if isinstance(iterator, FeedIterator):
            iterator.feed.steps = self
            return {key: LazyValue(lambda key=key: self._running()[key]) for key in self._keys}
        self.finish()
        return self._model._get_metrics_result_or_logs(self._logs)

    def finish(self) -> None:
        """Waits for every step sent, and adds their metrics to the model's."""
        self._dispatcher.join()
        with self._lock:
            for variable, total in self._tally.mapping():
                summed = variable.aggregation == "sum"
                variable.assign(variable + total if summed else total)
            self._shown = {**(self._logs or {}), **self._model.get_metrics_result()}
            self._finished = True
            self._tally.clear()

    def _trace(self, step: Callable[[Any], dict[str, Any]]) -> Callable[[Any], Any]:
        strategy = self._model.distribute_strategy
        variables = self._tally.variables
        step = self._model._autoconvert_optionals(step)

        @tf.function(reduce_retracing=True, autograph=False)
        def one_batch(batch: Any) -> tuple[dict[str, Any], list[tf.Tensor]]:
            with within_step(variables) as state:
                logs = strategy.run(step, args=(batch,))
                return logs, [value.read_value() for value in state]

        def execution(batches: tuple[Any, ...]) -> tuple[Any, list[Any]]:
            results = [one_batch(batch) for batch in batches]
            logs = results[-1][0]
            self._keys = tuple(logs)
            shares = zip(*(state for _, state in results), strict=True)
            states = [
                tf.add_n(share) if variable.aggregation == "sum" else share[-1]
                for variable, share in zip(variables, shares, strict=True)
            ]
            return self._packing.pack(logs, states)

        return execution

    def _receive(self, result: tuple[Any, list[Any]]) -> None:
        logs, state = self._packing.unpack(result)
        with self._lock:
            self._tally.add(state)
            self._logs = logs

    def _running(self) -> dict[str, Any]:
        self._dispatcher.wait_until(lambda: self._finished or self._logs is not None)
        with self._lock:
            if not self._finished and time.monotonic() - self._shown_at > REFRESH:
                with keras.StatelessScope(state_mapping=self._tally.mapping()):
                    metrics = self._model.get_metrics_result()
                self._shown = {**self._logs, **metrics}
                self._shown_at = time.monotonic()
            return self._shown


class PredictSteps:
    """Keras's predict function: sends batches to the workers and keeps the rows in order."""

    def __init__(self, model: keras.Model, dispatcher: Dispatcher) -> None:
        self._model = model
        self._dispatcher = dispatcher
        self._structure: Any = None
        self._execution = tf.function(self._trace(), reduce_retracing=True, autograph=False)

    def __call__(self, batches: list[Any]) -> Any:
        """Sends the batches as one step.

        Returns:
            The structure of the model's outputs, dense leaves fetched when looked at.
        """
        received: list[Any] = []
        batches = tuple(batches)
        self._dispatcher.schedule(self._execution, (batches,), received.append)

        def leaf(position: int) -> Any:
            self._dispatcher.wait_until(lambda: bool(received))
            return tf.nest.flatten(received[0])[position]

        kinds = tf.nest.flatten(self._structure)
        leaves = [
            LazyValue(lambda i=i: leaf(i)) if dense else leaf(i) for i, dense in enumerate(kinds)
        ]
        return tf.nest.pack_sequence_as(self._structure, leaves)

    def _trace(self) -> Callable[[Any], Any]:
        model = self._model
        strategy = model.distribute_strategy
        step = model._autoconvert_optionals(model.predict_step)

        @tf.function(reduce_retracing=True, autograph=False)
        def one_batch(batch: Any) -> Any:
            return strategy.run(step, args=(batch,))

        def execution(batches: tuple[Any, ...]) -> Any:
            results = [one_batch(batch) for batch in batches]
            outputs = results[0]
            if len(results) > 1:
                outputs = tf.nest.map_structure(lambda *parts: _joined(parts), *results)
            self._structure = tf.nest.map_structure(_is_dense, outputs)
            return outputs

        return execution


def _joined(parts: tuple[Any, ...]) -> Any:
    if isinstance(parts[0], tf.SparseTensor):
        return tf.sparse.concat(axis=0, sp_inputs=list(parts))
    return tf.concat(parts, axis=0)


def _is_dense(value: Any) -> bool:
    return not isinstance(value, (tf.RaggedTensor, tf.SparseTensor))
