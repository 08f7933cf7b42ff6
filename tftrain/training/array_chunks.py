"""Arrays on the device, the order of some batches at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from tftrain.keras_api import keras, tf
from tftrain.resources import waiting_for_data
from tftrain.training.runs import Run, gathered
from tftrain.training.seeded_arrays import SeededArrays

_MOST_BYTES = 1 << 30  # on a GPU; larger arrays stay with the host, and chunks are sent


class ArrayChunks:
    """Arrays that can be passed over again and again.

    Args:
        arrays: What to read, in which order and in batches of how many rows.

    Attributes:
        batches: Number of batches in a pass.
        spec: A structure of the columns' `tf.TensorSpec`s, for one batch.
    """

    def __init__(self, arrays: SeededArrays) -> None:
        self._arrays, self._batch_size = arrays, arrays.batch_size
        home = _home(arrays.nbytes)
        with tf.device(home):
            self._columns = arrays.columns()
        self._apart = home is not None
        self.batches = arrays.num_batches
        self.spec = keras.tree.map_structure(self._of_batch, self._columns)

    def open(self, capacity: int) -> ArrayPass:
        """A pass in chunks of at most `capacity` batches."""
        return self._pass(self._arrays.places, capacity)

    def sample(self, capacity: int, wanted: int | None = None) -> Run:
        """Some batches to try programs on: a whole chunk, since nothing is read for it."""
        first = self._pass(self._unshuffled, capacity)
        first.load(capacity)
        return first.take()[0]

    def begin_epoch(self, epoch: int) -> None:
        """Says which epoch the next pass is."""
        self._arrays.begin_epoch(epoch)

    def _pass(self, places: Callable[[], Any], capacity: int) -> ArrayPass:
        return ArrayPass(self._columns, places, self._batch_size, capacity, apart=self._apart)

    def _unshuffled(self) -> Any:
        return tf.range(keras.tree.flatten(self._columns)[0].shape[0])

    def _of_batch(self, column: Any) -> tf.TensorSpec:
        return tf.TensorSpec([self._batch_size, *column.shape[1:]], column.dtype)


def _home(size: int) -> str | None:
    """The device for arrays of so many bytes; None is TensorFlow's choice."""
    if size > _MOST_BYTES and tf.config.list_logical_devices("GPU"):
        return "CPU:0"
    return None


class ArrayPass:
    """One pass over arrays.

    Args:
        columns: A structure of tensors `[N, ...]`.
        places: Gives the order `[N]`; called when the first batch is taken.
        batch_size: Rows of a batch; the last one may have fewer.
        capacity: Most batches in a chunk.
        apart: Whether the arrays are not where steps are taken, so that rows are gathered here.
    """

    waits_are_timed = True  # see resources/input_wait.py

    def __init__(
        self,
        columns: Any,
        places: Callable[[], Any],
        batch_size: int,
        capacity: int,
        apart: bool = False,
    ) -> None:
        self._columns, self._order, self._apart = columns, places, apart
        self._batch_size, self._capacity = batch_size, capacity
        self._examples = int(keras.tree.flatten(columns)[0].shape[0])
        self._places: Any = None
        self._done = self._granted = 0

    @property
    def element_spec(self) -> Any:
        """A structure of the batches' `tf.TensorSpec`s."""
        return keras.tree.map_structure(_of_any_batch, self._columns)

    def load(self, wanted: int) -> int:
        """Makes ready up to so many batches, and tells how many; 0 at the end."""
        batches = math.ceil(self._examples / self._batch_size)
        self._granted = min(wanted, batches - self._done)
        return self._granted

    def skip(self, wanted: int) -> int:
        """Passes over up to so many batches, and tells how many; 0 at the end."""
        skipped = self.load(wanted)
        self._done, self._granted = self._done + skipped, 0
        return skipped

    def take(self) -> list[Run]:
        """The batches made ready."""
        with waiting_for_data.running():
            return self._taken()

    def _taken(self) -> list[Run]:
        begin, end = self._done, self._done + self._granted
        whole = max(begin, min(end, self._examples // self._batch_size))
        self._done, self._granted = end, 0
        runs = []
        if whole > begin:
            runs.append(self._whole_batches(begin, whole))
        if end > whole:
            rest = gathered(self._columns, self._places_of(whole, end))
            runs.append(Run(rest, 1, self._examples % self._batch_size, padded=False))
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

    def _whole_batches(self, begin: int, end: int) -> Run:
        places = self._places_of(begin, end)
        missing = (self._capacity - (end - begin)) * self._batch_size
        places = tf.pad(places, [[0, missing]])
        run = Run(self._columns, end - begin, self._batch_size, padded=True, places=places)
        return run.in_rows() if self._apart else run

    def _places_of(self, begin: int, end: int) -> Any:
        if self._places is None:
            self._places = self._order()
        return self._places[begin * self._batch_size : end * self._batch_size]


def _of_any_batch(column: Any) -> tf.TensorSpec:
    return tf.TensorSpec([None, *column.shape[1:]], column.dtype)
