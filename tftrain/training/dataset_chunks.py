"""A `tf.data.Dataset` of batches, a chunk of them read at a time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

from tftrain.keras_api import tf
from tftrain.resources import waiting_for_data
from tftrain.training.runs import Run, padded, rows


class DatasetChunks:
    """A dataset that can be passed over again and again.

    Args:
        dataset: Its elements are batches.

    Attributes:
        batches: Number of batches in a pass; None if that is not known.
        spec: A structure of the elements' `tf.TensorSpec`s.

    Raises:
        TypeError: Batches cannot be put together: shapes vary, or there are no plain tensors.
    """

    def __init__(self, dataset: tf.data.Dataset) -> None:
        _check(dataset.element_spec)
        self._dataset, self.spec = dataset, dataset.element_spec
        size = int(dataset.cardinality())
        self.batches = size if size >= 0 else None
        self._opened: DatasetPass | None = None

    def open(self, capacity: int) -> DatasetPass:
        """A pass in chunks of at most `capacity` batches."""
        opened, self._opened = self._opened, None
        return opened or DatasetPass(self._dataset, capacity)

    def sample(self, capacity: int, wanted: int | None = None) -> Run:
        """Some batches to try programs on: the first of the next pass, which keeps them.

        Args:
            capacity: As `open` takes it.
            wanted: How many; a whole chunk by default.
        """
        if self._opened is None:
            self._opened = DatasetPass(self._dataset, capacity)
            self._opened.load(wanted or capacity)
        return self._opened.peek()[0]

    def begin_epoch(self, epoch: int) -> None:
        """A dataset decides on its order by itself."""


class DatasetPass:
    """One pass over a dataset.

    Args:
        dataset: Of batches.
        capacity: Most batches in a chunk.
    """

    waits_are_timed = True  # see resources/input_wait.py

    def __init__(self, dataset: tf.data.Dataset, capacity: int) -> None:
        size = int(dataset.cardinality())
        self._left = math.inf if size == tf.data.INFINITE_CARDINALITY else size
        self._counted = self._left >= 0
        self._capacity = capacity
        self._source = iter(dataset.prefetch(capacity))
        self._batch_size: int | None = None
        self._granted = 0
        self._read: list[Run] = []

    @property
    def element_spec(self) -> Any:
        """A structure of the batches' `tf.TensorSpec`s."""
        return self._source.element_spec

    def load(self, wanted: int) -> int:
        """Makes ready up to so many batches, and tells how many; 0 at the end."""
        if self._read:
            return _steps(self._read)
        self._granted = int(min(wanted, self._left)) if self._counted else wanted
        return self._granted if self._counted else _steps(self.peek())

    def skip(self, wanted: int) -> int:
        """Passes over up to so many batches, and tells how many; 0 at the end."""
        return sum(1 for _ in itertools.islice(self, wanted))

    def peek(self) -> list[Run]:
        """The batches made ready, read now."""
        if not self._read:
            self._read = self._runs(self._granted)
            self._left -= _steps(self._read)
        return self._read

    def take(self) -> list[Run]:
        """The batches made ready; they are then gone."""
        runs = self.peek()
        self._read = []
        return runs

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        """The next batch; those made ready become the ones after it."""
        if not self._read:
            self._left -= 1
            return next(self._source)
        first, *others = self._read
        self._read = first.without_first() + others
        return first.batch(0)

    def _runs(self, wanted: int) -> list[Run]:
        wanted = tf.constant(wanted)
        read = _reader(self._source, wanted)
        with waiting_for_data.running():
            columns, sizes = read(self._source, wanted)
            sizes = sizes.numpy().tolist()
        runs, begin = [], 0
        for size, group in itertools.groupby(sizes):
            steps = len(list(group))
            runs.append(self._run(rows(columns, begin, steps * size), steps, size))
            begin += steps * size
        return runs

    def _run(self, columns: Any, steps: int, size: int) -> Run:
        self._batch_size = self._batch_size or size
        if size != self._batch_size:
            return Run(columns, steps, size, padded=False)
        return Run(padded(columns, self._capacity * size), steps, size, padded=True)


def _steps(runs: list[Run]) -> int:
    return sum(run.steps for run in runs)


def _check(element_spec: Any) -> None:
    for spec in tf.nest.flatten(element_spec):
        if not isinstance(spec, tf.TensorSpec) or spec.dtype == tf.string:
            raise TypeError(f"its batches hold {type(spec).__name__.removesuffix('Spec')}s")
        if not spec.shape.rank or None in spec.shape[1:]:
            raise TypeError(f"its batches have shapes {spec.shape}, which may vary")


def _read_batches(source: Any, wanted: tf.Tensor) -> tuple[Any, tf.Tensor]:
    """Up to so many batches, put together by rows, and the rows of each."""
    spec = source.element_spec
    specs = tf.nest.flatten(spec)
    arrays = [_growing(each.dtype, each.shape) for each in specs]

    def next_of(count: tf.Tensor) -> Any:
        empty = tf.experimental.Optional.empty
        return tf.cond(count < wanted, source.get_next_as_optional, lambda: empty(spec))

    def body(count: tf.Tensor, following: Any, sizes: Any, arrays: list[Any]) -> Any:
        parts = tf.nest.flatten(following.get_value())
        written = [array.write(count, part) for array, part in zip(arrays, parts, strict=True)]
        sizes = sizes.write(count, tf.shape(parts[0])[0])
        return count + 1, next_of(count + 1), sizes, written

    start = (tf.constant(0), next_of(tf.constant(0)), _growing(tf.int32, []), arrays)
    more = lambda count, following, sizes, arrays: following.has_value()  # noqa: E731
    count, _, sizes, arrays = tf.while_loop(more, body, start, parallel_iterations=1)
    columns = [_concatenated(a, count, s) for a, s in zip(arrays, specs, strict=True)]
    return tf.nest.pack_sequence_as(spec, columns), sizes.stack()


def _growing(dtype: tf.DType, shape: Any) -> tf.TensorArray:
    return tf.TensorArray(dtype, 0, dynamic_size=True, infer_shape=False, element_shape=shape)


def _concatenated(array: tf.TensorArray, count: tf.Tensor, spec: tf.TensorSpec) -> tf.Tensor:
    nothing = [0, *spec.shape[1:]]
    return tf.cond(count > 0, array.concat, lambda: tf.zeros(nothing, spec.dtype))


_compiled: dict[str, Any] = {}


def _reader(source: Any, wanted: tf.Tensor) -> Callable[..., tuple[Any, tf.Tensor]]:
    """`_read_batches`, compiled for this kind of batches."""
    # Made on first use, since importing this file must not start TensorFlow.
    if not _compiled:  # retraced for every kind of batch, or their shapes would be forgotten
        _compiled["read"] = tf.function(_read_batches, autograph=False)
    return _compiled["read"].get_concrete_function(source, wanted)
