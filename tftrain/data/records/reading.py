"""Read shards inside tf.data, and notice at no cost when one is not as the manifest says.

TensorFlow stops at a damaged record with "corrupted record at N" and no file's name, and takes a
shard cut between two records for a whole one. Here a shard is read in chunks of records, errors end
it quietly, and the size of every chunk is compared with the one that follows from the manifest:
once a chunk, since anything done for every record costs as much as reading it. Only where a size is
wrong is the file read again, to say what is wrong with it.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tftrain.data.records import damage
from tftrain.data.records.shards import COMPRESSIONS, Shard
from tftrain.errors import BadInput, RecordsDamaged
from tftrain.keras_api import tf

ON_ERROR = ("stop", "skip")
_LARGEST_CHUNK = 1024
_CHUNK_BYTES = 4 << 20
_FOUND = "record set: "
_log = logging.getLogger("tftrain.data.records")


@contextlib.contextmanager
def naming_damage() -> Iterator[None]:
    """Turns TensorFlow's error at a damaged record, within the block, into RecordsDamaged."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        _, found, rest = error.message.partition(f"assertion failed: [{_FOUND}")
        if not found:
            raise
        raise RecordsDamaged([rest.split("]\n")[0].rstrip("]")]) from error


def check_on_error(on_error: str) -> None:
    """Raises BadInput unless it is known what to do at an error."""
    if on_error not in ON_ERROR:
        raise BadInput(f"on_error is {on_error!r}; expected {' or '.join(map(repr, ON_ERROR))}")


class Losses:
    """Records that were skipped, because they could not be read.

    Attributes:
        by_shard: Number lost in one pass, by the shard's name; grows while a pass goes on.
    """

    def __init__(self) -> None:
        self.by_shard: dict[str, int] = {}
        self._lock = threading.Lock()

    @property
    def records(self) -> int:
        """Number lost in one pass over all shards."""
        return sum(self.by_shard.values())

    def note(self, shard: str, lost: int) -> None:
        """Counts a shard's loss; the same shard again, in the next pass, is the same loss."""
        with self._lock:
            self.by_shard[shard] = lost

    def __str__(self) -> str:
        listed = ", ".join(f"{lost} of {name}" for name, lost in sorted(self.by_shard.items()))
        return f"{self.records} records were lost: {listed}"


class ShardReader:
    """The shards of one split as datasets of serialized records.

    Args:
        folder: Where they lie.
        shards: What the manifest says of them; at least one.
        compression: As in the manifest.
    """

    def __init__(self, folder: Path, shards: Sequence[Shard], compression: str) -> None:
        self.losses = Losses()
        self._paths = [folder / shard.file for shard in shards]
        self._shards = shards
        self._compression = compression
        size = sum(shard.stream_bytes for shard in shards)
        mean = max(1, size // max(1, sum(shard.examples for shard in shards)))
        self.chunk = max(1, min(_LARGEST_CHUNK, _CHUNK_BYTES // mean))

    @property
    def _sizes(self) -> list[int]:
        """Records in a chunk of each shard: never a divisor of the shard's records."""
        return [
            next(size for size in itertools.count(max(2, self.chunk)) if shard.examples % size)
            for shard in self._shards
        ]

    def chunks(
        self, files: tf.Tensor | Sequence[int] | None, on_error: str, parallel: int
    ) -> tf.data.Dataset:
        """Chunks `[n]` of records; see RecordSplit.chunks."""
        return self._read(files, on_error, parallel, lambda numbers, chunk: chunk)

    def numbered(
        self, files: tf.Tensor | Sequence[int] | None, on_error: str, parallel: int
    ) -> tf.data.Dataset:
        """Pairs of the records' numbers in the split `[n]`, int64, and of chunks `[n]`."""
        return self._read(files, on_error, parallel, lambda numbers, chunk: (numbers, chunk))

    def _read(
        self,
        files: tf.Tensor | Sequence[int] | None,
        on_error: str,
        parallel: int,
        kept: Callable[[tf.Tensor, tf.Tensor], Any],
    ) -> tf.data.Dataset:
        check_on_error(on_error)
        if parallel < 1:
            raise BadInput(f"parallel is {parallel}; expected 1 or more")
        order = range(len(self._shards)) if files is None else files
        indices = tf.data.Dataset.from_tensor_slices(tf.cast(order, tf.int64))
        open_file = _as_written(self._of_file)
        if parallel == 1:
            found = indices.flat_map(open_file)
        else:
            found = indices.interleave(
                open_file, parallel, num_parallel_calls=parallel, deterministic=True
            )
        wrong = self._stop if on_error == "stop" else self._salvage
        checked = found.map(_as_written(lambda *chunk: kept(*self._checked(wrong, *chunk))))
        if on_error == "stop":
            return checked
        some = checked.filter(_as_written(lambda *chunk: tf.size(chunk[-1]) > 0))
        return some.concatenate(self._report(some))

    def _report(self, like: tf.data.Dataset) -> tf.data.Dataset:
        """No chunk: what is reached at the end of a pass, and tells of its losses."""
        told = like.take(0)
        tell = _as_written(lambda _: tf.py_function(self._tell, [], tf.bool))
        return tf.data.Dataset.from_tensors(0).filter(tell).flat_map(lambda _: told)

    def _of_file(self, index: tf.Tensor) -> tf.data.Dataset:
        """The shard (index, chunk size, records), the records before a chunk, and the chunk.

        No functions of tf.data in here: making them ready costs milliseconds a shard.
        """
        path = tf.py_function(self._path, [index], tf.string)
        path.set_shape([])
        size = tf.constant(self._sizes, tf.int64)[index]
        expected = tf.constant([shard.examples for shard in self._shards], tf.int64)[index]
        records = tf.data.TFRecordDataset(path, COMPRESSIONS[self._compression])
        end = tf.data.Dataset.from_tensors(tf.zeros([0], tf.string))
        chunks = records.batch(size).ignore_errors().concatenate(end)
        # What the check needs comes along: looking it up for every chunk costs more than the check.
        shard = tf.data.Dataset.from_tensors((index, size, expected)).repeat()
        return tf.data.Dataset.zip((shard, tf.data.Dataset.range(0, expected, size), chunks))

    def _checked(
        self,
        wrong: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor],
        shard: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
        before: tf.Tensor,
        chunk: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The chunk and its records' numbers, if its size follows from the manifest.

        The last one is never full, so a record too many shows in it; where a file ends early, an
        empty chunk comes before its time.
        """
        index, size, expected = shard
        room = tf.minimum(size, expected - before)
        sound = tf.cond(
            tf.size(chunk, tf.int64) == room,
            lambda: chunk,
            lambda: wrong(index, before, chunk[:room]),
        )
        counts = [shard.examples for shard in self._shards]
        first = tf.constant(np.cumsum([0, *counts[:-1]]), tf.int64)[index] + before
        return tf.range(first, first + tf.size(sound, tf.int64)), sound

    def _stop(self, index: tf.Tensor, before: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
        message = _FOUND + tf.py_function(self._describe, [index], tf.string)
        with tf.control_dependencies([tf.debugging.Assert(False, [message])]):
            return tf.identity(kept)

    def _salvage(self, index: tf.Tensor, before: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
        """What was kept or, where the shard ends early, the sound part of the damaged chunk."""
        start = before + tf.size(kept, tf.int64)
        rest = tf.py_function(self._note, [index, start], tf.string)
        return tf.concat([kept, tf.ensure_shape(rest, [None])], 0)

    def _path(self, index: tf.Tensor) -> str:
        # TensorFlow's ignore_errors asks for ever where a file cannot be opened.
        path = self._paths[int(index)]
        return os.devnull if damage.why_closed(path) else str(path)

    def _describe(self, index: tf.Tensor) -> str:
        shard = self._shards[int(index)]
        return damage.describe(self._paths[int(index)], self._compression, shard.examples)

    def _note(self, index: tf.Tensor, before: tf.Tensor) -> tf.Tensor:
        shard, path = self._shards[int(index)], self._paths[int(index)]
        found = damage.readable(path, self._compression)
        self.losses.note(shard.file, max(0, shard.examples - found.records))
        _log.debug("%s", self._describe(index))
        rest = damage.records(path, self._compression, int(before), shard.examples)
        return tf.constant(rest, tf.string, [len(rest)])

    def _tell(self) -> bool:
        if self.losses.by_shard:
            _log.warning("%s", self.losses)
        return False


def _as_written(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function for tf.data to trace without AutoGraph, which it has no need of: much faster."""
    return tf.autograph.experimental.do_not_convert(function)
