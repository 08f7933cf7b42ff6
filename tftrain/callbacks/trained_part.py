"""The part of an epoch in which steps are taken: its time, its examples, its waiting for data."""

from __future__ import annotations

import time
from typing import Any

from tftrain.callbacks import watched_steps
from tftrain.distribute.keras_bridge.replication import is_replicated, workers_of
from tftrain.keras_api import keras
from tftrain.resources import InputWait


class TrainedPart:
    """What a callback can see of it, in one epoch after another.

    Args:
        model: In `fit`.

    Attributes:
        figures: After `end`: `seconds`; `examples_per_second` and `input_wait_share` if they
            can be known.
        batches: Batches trained on so far.
        inputs: A structure of `tf.TensorSpec`s of what the model is called on; None if unknown.
    """

    def __init__(self, model: Any) -> None:
        self._model, self._wait = model, InputWait()
        self.inputs: Any = None

    def begin(self) -> None:
        """An epoch begins."""
        self._began = time.perf_counter()
        self.figures: dict[str, float] = {}
        self.batches, self._first_batch, self._rows = 0, 0, 0.0
        self._watched = watched_steps.watch(self._model)
        self._wait.begin(self._began)

    def begin_batch(self, batch: int) -> None:
        """Some steps begin, the first of them on this batch."""
        if not self.batches:
            self._first_batch, self._rows = batch, rows_counted(self._model) or 0.0
            self.batches = 1
            self._wait.opened(time.perf_counter())

    def end_batch(self, batch: int) -> None:
        """The steps up to this batch are taken."""
        watched = self._watched
        self.batches = batch + 1 - self._first_batch
        self._wait.mark(watched.called, time.perf_counter(), self.batches, watched.iterator)

    def end(self) -> None:
        """No more steps in this epoch; what comes after the first call does not count."""
        if self.figures:
            return
        seconds = time.perf_counter() - self._began
        self.figures = {"seconds": seconds}
        rows, waited = rows_counted(self._model), self._wait.end()
        if rows:
            self.figures["examples_per_second"] = max(0.0, rows - self._rows) / seconds
        if waited is not None:
            self.figures["input_wait_share"] = min(1.0, waited / seconds)
        self.inputs = self.inputs or _inputs(self._watched.iterator)

    def input_wait_share(self) -> float | None:
        """How much of the part so far steps have waited for data; None if that is not known."""
        return self.figures.get("input_wait_share", self._wait.share(time.perf_counter()))


def rows_counted(model: Any) -> float | None:
    """Examples behind the loss that Keras tells, of which it takes the mean; of all workers."""
    tracker = next((each for each in model.metrics if each.name == "loss"), None)
    if not isinstance(tracker, keras.metrics.Mean):
        return None
    strategy, count = model.distribute_strategy, tracker.count.value
    if not is_replicated(strategy):
        return float(count)
    here = sum(map(float, strategy.experimental_local_results(count)))
    return here * workers_of(strategy)  # reading the others' would be a collective


def _inputs(iterator: Any) -> Any:
    layout = None
    while hasattr(iterator, "source"):  # what engines and repairs put around it
        layout = getattr(iterator, "layout", None)
        iterator = iterator.source
    spec = getattr(iterator, "element_spec", None)
    if layout is not None and layout.split:  # pairs of a replica's slice and the rows of all
        spec = spec[0][0]
    return spec[0] if isinstance(spec, tuple) else spec
