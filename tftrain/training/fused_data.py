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
    """

    keeps_data = True  # see keras_bridge/stepped_data.py

    def __init__(self, chunks: ArrayChunks | DatasetChunks, capacity: int) -> None:
        self.chunks, self.capacity = chunks, capacity
        self._pass: Any = None

    @property
    def num_batches(self) -> int | None:
        """Batches in a pass; None if that is not known."""
        return self.chunks.batches

    def enumerate_steps(self, epochs: Any, keras_enumeration: Any) -> Iterator[Any]:
        """The chunks of one epoch as (first batch, last batch, iterator)."""
        if epochs.steps_per_epoch is None:
            self._pass = self.chunks.open(self.capacity)
            yield from self._to_the_end()
        else:
            yield from self._so_many(epochs)

    def _to_the_end(self) -> Iterator[Any]:
        begin = 0
        while granted := self._pass.load(self.capacity):
            yield begin, begin + granted - 1, self._pass
            begin += granted

    def _so_many(self, epochs: Any) -> Iterator[Any]:
        """With `steps_per_epoch` a pass goes on from epoch to epoch, and may end within one."""
        steps, begin = epochs.steps_per_epoch, 0
        if self._pass is None or not self._pass.load(min(self.capacity, steps)):
            self._pass = self.chunks.open(self.capacity)
        while begin < steps:
            granted = self._pass.load(min(self.capacity, steps - begin))
            if not granted:
                epochs._interrupted_warning()
                return
            yield begin, begin + granted - 1, self._pass
            begin += granted
