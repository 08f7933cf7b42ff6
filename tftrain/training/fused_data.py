"""What `fit` is given in place of data when compiled loops take many batches at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from keras.src.trainers.data_adapters.data_adapter import DataAdapter

from tftrain.training.array_chunks import ArrayChunks
from tftrain.training.dataset_chunks import DatasetChunks
from tftrain.training.runs import Run

_FIRST = 32  # batches in the first chunk, when nothing is known of the time that they take


class FusedData(DataAdapter):
    """A data adapter of Keras that hands out chunks.

    Args:
        chunks: Where they come from.
        capacity: Most batches in a chunk.
        every: A chunk ends after every so many batches of an epoch; None for no matter where.
        secs: What a chunk should take at most, guessed from the one before; None for no matter
            how long.
        clock: Seconds from any fixed moment.
    """

    keeps_data = True  # see keras_bridge/stepped_data.py

    def __init__(
        self,
        chunks: ArrayChunks | DatasetChunks,
        capacity: int,
        every: int | None = None,
        secs: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.chunks, self.capacity = chunks, capacity
        self._every, self._secs, self._clock = every, secs, clock
        self._quick = _FIRST if secs else capacity
        self._pass: Any = None
        self._skip = self._begin = 0

    @property
    def num_batches(self) -> int | None:
        """Batches in a pass; None if that is not known."""
        return self.chunks.batches

    def sample(self) -> Run:
        """Some batches to try programs on, of which the first epoch's first chunk may be made."""
        most = min(self.capacity, self._every or self.capacity)
        return self.chunks.sample(most, self._wanted(0))

    def begin_at(self, batch: int, passed: int = 0) -> None:
        """Says that the next epoch begins with a later batch.

        Args:
            batch: The epoch's first batch to be handed out, from 0.
            passed: Batches of earlier epochs to pass over before, where a pass goes on from
                epoch to epoch.
        """
        self._begin, self._skip = batch, passed + batch

    def enumerate_steps(self, epochs: Any, keras_enumeration: Any) -> Iterator[Any]:
        """The chunks of one epoch as (first batch, last batch, iterator)."""
        begin, self._begin = self._begin, 0
        if epochs.steps_per_epoch is None:
            self._pass = self.chunks.open(self.capacity)
            self._pass.skip(begin)
            chunks = self._to_the_end(begin)
        else:
            self._pass_over()
            chunks = self._so_many(epochs, begin)
        yield from chunks if self._secs is None else self._timed(chunks)

    def _timed(self, chunks: Iterator[Any]) -> Iterator[Any]:
        """The chunks, each as long as the one before it allows."""
        for first, last, iterator in chunks:
            started, steps = self._clock(), last - first + 1
            yield first, last, iterator
            taken = max(self._clock() - started, 1e-9)
            self._quick = max(1, int(min(self.capacity, steps * self._secs / taken)))

    def _wanted(self, begin: int) -> int:
        """How many batches to take at most, at this place of an epoch."""
        most = min(self.capacity, self._quick)
        if self._every is None:
            return most
        return min(most, self._every - begin % self._every)

    def _pass_over(self) -> None:
        if self._pass is None:
            self._pass = self.chunks.open(self.capacity)
        while self._skip:
            skipped = self._pass.skip(self._skip)
            self._skip -= skipped
            if self._skip:
                self._pass = self.chunks.open(self.capacity)
            if not (skipped or self._pass.load(1)):
                return  # there are no data at all

    def _to_the_end(self, begin: int) -> Iterator[Any]:
        while granted := self._pass.load(self._wanted(begin)):
            yield begin, begin + granted - 1, self._pass
            begin += granted

    def _so_many(self, epochs: Any, begin: int) -> Iterator[Any]:
        """With `steps_per_epoch` a pass goes on from epoch to epoch, and may end within one."""
        steps = epochs.steps_per_epoch
        if not self._pass.load(min(self._wanted(begin), steps)):
            self._pass = self.chunks.open(self.capacity)
        while begin < steps:
            granted = self._pass.load(min(self._wanted(begin), steps - begin))
            if not granted:
                epochs._interrupted_warning()
                return
            yield begin, begin + granted - 1, self._pass
            begin += granted
