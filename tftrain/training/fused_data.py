"""What `fit` is given in place of data when compiled loops take many batches at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from keras.src.trainers.data_adapters.data_adapter import DataAdapter

from tftrain.training.array_chunks import ArrayChunks
from tftrain.training.dataset_chunks import DatasetChunks


class FusedData(DataAdapter):
    """A data adapter of Keras that hands out chunks.

    Args:
        chunks: Where they come from.
        capacity: Most batches in a chunk.
        every: A chunk ends after every so many batches of an epoch; None for no matter where.
    """

    keeps_data = True  # see keras_bridge/stepped_data.py

    def __init__(
        self, chunks: ArrayChunks | DatasetChunks, capacity: int, every: int | None = None
    ) -> None:
        self.chunks, self.capacity = chunks, capacity
        self._every = every
        self._pass: Any = None
        self._skip = self._begin = 0

    @property
    def num_batches(self) -> int | None:
        """Batches in a pass; None if that is not known."""
        return self.chunks.batches

    @property
    def first_chunk(self) -> int:
        """Most batches in the first chunk of an epoch."""
        return self._wanted(0)

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
            yield from self._to_the_end(begin)
        else:
            self._pass_over()
            yield from self._so_many(epochs, begin)

    def _wanted(self, begin: int) -> int:
        """How many batches to take at most, at this place of an epoch."""
        if self._every is None:
            return self.capacity
        return min(self.capacity, self._every - begin % self._every)

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
