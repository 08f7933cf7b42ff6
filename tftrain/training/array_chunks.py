"""Arrays on the device, a chunk of batches gathered at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from tftrain.keras_api import keras, tf
from tftrain.training.runs import Run
from tftrain.training.seeded_arrays import SeededArrays


class ArrayChunks:
    """Arrays that can be passed over again and again.

    Args:
        arrays: What to read, and in which order.
        batch_size: Rows of a batch; the last one may have fewer.

    Attributes:
        batches: Number of batches in a pass.
        batch_size: As given.
        spec: A structure of the columns' `tf.TensorSpec`s, for one batch.
    """

    def __init__(self, arrays: SeededArrays, batch_size: int) -> None:
        self._arrays, self.batch_size = arrays, batch_size
        self._columns = arrays.columns()
        self.batches = arrays.num_batches
        self.spec = keras.tree.map_structure(self._of_batch, self._columns)

    def open(self, capacity: int) -> ArrayPass:
        """A pass in chunks of at most `capacity` batches."""
        return ArrayPass(self._columns, self._arrays.places, self.batch_size, capacity)

    def sample(self, capacity: int) -> Run:
        """Some batches to try programs on."""
        first = ArrayPass(self._columns, self._unshuffled, self.batch_size, capacity)
        first.load(capacity)
        return first.take()[0]

    def begin_epoch(self, epoch: int) -> None:
        """Says which epoch the next pass is."""
        self._arrays.begin_epoch(epoch)

    def _unshuffled(self) -> Any:
        return tf.range(keras.tree.flatten(self._columns)[0].shape[0])

    def _of_batch(self, column: Any) -> tf.TensorSpec:
        return tf.TensorSpec([self.batch_size, *column.shape[1:]], column.dtype)


class ArrayPass:
    """One pass over arrays.

    Args:
        columns: A structure of tensors `[N, ...]`.
        places: Gives the order `[N]`; called when the first batch is taken.
        batch_size: Rows of a batch; the last one may have fewer.
        capacity: Most batches in a chunk.
    """

    def __init__(
        self, columns: Any, places: Callable[[], Any], batch_size: int, capacity: int
    ) -> None:
        self._columns, self._order = columns, places
        self._batch_size, self._capacity = batch_size, capacity
        self._examples = int(keras.tree.flatten(columns)[0].shape[0])
        self._places: Any = None
        self._done = self._granted = 0

    def load(self, wanted: int) -> int:
        """Makes ready up to so many batches, and tells how many; 0 at the end."""
        batches = math.ceil(self._examples / self._batch_size)
        self._granted = min(wanted, batches - self._done)
        return self._granted

    def take(self) -> list[Run]:
        """The batches made ready."""
        begin, end = self._done, self._done + self._granted
        whole = max(begin, min(end, self._examples // self._batch_size))
        self._done, self._granted = end, 0
        runs = []
        if whole > begin:
            columns = self._gathered(begin, whole, self._capacity)
            runs.append(Run(columns, whole - begin, self._batch_size, padded=True))
        if end > whole:
            rest = self._examples % self._batch_size
            runs.append(Run(self._gathered(whole, end, 0), 1, rest, padded=False))
        return runs

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        """The next batch; those made ready become the ones after it."""
        granted = self._granted
        if not self.load(1):
            raise StopIteration
        batch = self.take()[0].batch(0)
        self.load(granted)
        return batch

    def _gathered(self, begin: int, end: int, capacity: int) -> Any:
        if self._places is None:
            self._places = self._order()
        size = self._batch_size
        places = self._places[begin * size : end * size]
        missing = max(0, capacity - (end - begin)) * size
        places = tf.pad(places, [[0, missing]]) if missing else places
        return keras.tree.map_structure(lambda column: tf.gather(column, places), self._columns)
