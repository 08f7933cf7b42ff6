"""Where batches come from: one epoch after another of arrays, record files or a dataset.

Every source gives the batches of an epoch as (numbers `[B]`, x `[B, ...]`, y `[B]`), in an order
that is a function of the seed and the epoch. The numbers say which examples of the source these
are, the same ones in every epoch.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from tftrain.data.examples import Examples
from tftrain.data.records import RecordSplit, naming_damage
from tftrain.data.sharding import Share
from tftrain.errors import BadInput
from tftrain.keras_api import tf

_BUFFER_BYTES = 256 << 20
_BUFFER_EXAMPLES = 100_000
_FILES_AT_ONCE = 4
_READ_AT_ONCE = 1024


@dataclasses.dataclass(frozen=True)
class Order:
    """How the examples of an epoch are put into batches.

    Attributes:
        batch_size: Examples in a batch.
        drop_remainder: Whether a last, smaller batch is left out.
        shuffle: True, False, or the examples in the buffer of a source that is streamed.
        seed: Of the shuffling.
    """

    batch_size: int
    drop_remainder: bool
    shuffle: bool | int
    seed: int

    def batches(self, examples: int | None) -> int | None:
        """Number of batches that so many examples make."""
        if examples is None:
            return None
        whole, rest = divmod(examples, self.batch_size)
        return whole + (rest > 0 and not self.drop_remainder)

    def of_epoch(self, epoch: tf.Tensor) -> tf.Tensor:
        """The seed `[2]` of an epoch."""
        return tf.stack([tf.constant(self.seed, tf.int64), epoch])

    def mixed(self, dataset: tf.data.Dataset, epoch: tf.Tensor, buffer: int) -> tf.data.Dataset:
        """The dataset's elements shuffled through a buffer, if they are to be."""
        if self.shuffle is False:
            return dataset
        size = buffer if self.shuffle is True else self.shuffle
        seed = tf.random.stateless_uniform([], self.of_epoch(epoch), None, None, tf.int64)
        with _without_global_seed():
            return dataset.shuffle(size, seed, reshuffle_each_iteration=False)

    def batched(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """The dataset's elements in batches."""
        return dataset.batch(self.batch_size, drop_remainder=self.drop_remainder)


@contextlib.contextmanager
def _without_global_seed() -> Iterator[None]:
    """The order is to follow from the given seed alone, and shuffle() mixes the global one in."""
    graph = tf.compat.v1.get_default_graph()
    kept, graph.seed = graph.seed, None
    try:
        yield
    finally:
        graph.seed = kept


class Source(Protocol):
    """What epochs are made of.

    Attributes:
        size: Examples in an epoch; None if that is not known.
    """

    size: int | None

    def epoch(self, epoch: tf.Tensor, order: Order) -> tf.data.Dataset:
        """Batches (numbers, x, y) of an epoch, an int64 scalar."""


class ArraySource:
    """Examples in memory, permuted as a whole.

    Args:
        examples: This worker's, `[n, ...]`.
        numbers: Their numbers among those of all workers, `[n]`.
    """

    def __init__(self, examples: Examples, numbers: np.ndarray) -> None:
        self._arrays = [tf.constant(numbers), tf.constant(examples.x), tf.constant(examples.y)]
        self.size = len(examples)

    def epoch(self, epoch: tf.Tensor, order: Order) -> tf.data.Dataset:
        """See Source."""
        places = tf.range(self.size)
        if order.shuffle is not False:
            places = tf.random.experimental.stateless_shuffle(places, order.of_epoch(epoch))
        batches = order.batched(tf.data.Dataset.from_tensor_slices(places))
        return batches.map(lambda at: tuple(tf.gather(array, at) for array in self._arrays))


class RecordSource:
    """Shards read from disk, in another order each epoch, through a shuffle buffer.

    Args:
        split: What to read.
        part: Which of it belongs to this worker.
        on_error: At damage `stop` or `skip`.
    """

    def __init__(self, split: RecordSplit, part: Share, on_error: str) -> None:
        self._split, self._part, self._on_error = split, part, on_error
        counts = [shard.examples for shard in split.shards]
        self._total = sum(counts[index] for index in part.files)
        self.size = part.kept(self._total) if on_error == "stop" else None

    def epoch(self, epoch: tf.Tensor, order: Order) -> tf.data.Dataset:
        """See Source."""
        files = tf.constant(self._part.files, tf.int64)
        parallel = 1
        if order.shuffle is not False:
            files = tf.random.experimental.stateless_shuffle(files, order.of_epoch(epoch))
            parallel = min(_FILES_AT_ONCE, len(self._part.files))
        chunks = self._split.numbered(files=files, on_error=self._on_error, parallel=parallel)
        if self._part.every > 1:
            chunks = chunks.map(self._own)
        mixed = order.mixed(chunks.unbatch(), epoch, self._buffer())
        return order.batched(mixed).map(self._decoded, tf.data.AUTOTUNE)

    def _own(self, numbers: tf.Tensor, records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        own = numbers % self._part.every == self._part.offset
        return numbers[own], records[own]

    def in_memory(self) -> ArraySource:
        """The same examples, read now."""
        stored = Order(_READ_AT_ONCE, drop_remainder=False, shuffle=False, seed=0)
        batches = self.epoch(tf.constant(0, tf.int64), stored).prefetch(1)
        with naming_damage():
            parts = list(zip(*batches.as_numpy_iterator(), strict=True))
        numbers, x, y = (np.concatenate(part) for part in parts)
        return ArraySource(Examples(x, y), numbers)

    def _buffer(self) -> int:
        stored = max(1, sum(shard.stream_bytes for shard in self._split.shards) // len(self._split))
        return max(1, min(self._total, _BUFFER_EXAMPLES, _BUFFER_BYTES // stored))

    def _decoded(self, numbers: tf.Tensor, records: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return (numbers, *self._split.decode(records))


class DatasetSource:
    """A `tf.data.Dataset` of single examples (x, y), shuffled through a buffer.

    Args:
        dataset: Of pairs.
        shard: (index of the worker, number of workers), or None for all of it.

    Raises:
        BadInput: Its elements are no pairs.
    """

    def __init__(self, dataset: tf.data.Dataset, shard: tuple[int, int] | None) -> None:
        spec = dataset.element_spec
        if not isinstance(spec, tuple) or len(spec) != 2:
            raise BadInput(f"a dataset of {spec}; expected one of single examples (x, y)")
        numbered = dataset.enumerate()
        self._dataset = numbered if shard is None else numbered.shard(shard[1], shard[0])
        size = int(self._dataset.cardinality())
        self.size = size if size >= 0 else None
        each = sum((of.shape.num_elements() or 1) * of.dtype.size for of in tf.nest.flatten(spec))
        self._buffer = max(1, min(_BUFFER_EXAMPLES, _BUFFER_BYTES // max(1, each)))

    def epoch(self, epoch: tf.Tensor, order: Order) -> tf.data.Dataset:
        """See Source."""
        mixed = order.mixed(self._dataset, epoch, self._buffer)
        return order.batched(mixed).map(lambda number, example: (number, *example))
