"""Read shards inside tf.data, and notice at no cost when one is not as the manifest says.

TensorFlow stops at a damaged record with "corrupted record at N" and no file's name, and takes a
shard cut between two records for a whole one. Here a shard is read in chunks of records, errors
end it quietly, and a running count is compared with the manifest's: chunks make the comparison
some hundred times rarer than records, so its cost vanishes. Only where the count is wrong is the
file read again, to say what is wrong with it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from tftrain.data.records import damage
from tftrain.data.records.shards import COMPRESSIONS, Shard
from tftrain.errors import BadInput
from tftrain.keras_api import tf

ON_ERROR = ("stop", "skip")
_LARGEST_CHUNK = 256
_CHUNK_BYTES = 4 << 20
_log = logging.getLogger("tftrain.data.records")


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

    def chunks(self, files: tf.Tensor | Sequence[int] | None, on_error: str) -> tf.data.Dataset:
        """Chunks `[n]` of records, shard after shard; see RecordSplit.chunks."""
        check_on_error(on_error)
        order = range(len(self._shards)) if files is None else files
        indices = tf.data.Dataset.from_tensor_slices(tf.cast(order, tf.int64))
        chunks = indices.flat_map(lambda index: self.shard(index, on_error))
        return chunks if on_error == "stop" else chunks.concatenate(self._report())

    def _report(self) -> tf.data.Dataset:
        """No records: what is reached at the end of a pass, and tells of its losses."""
        told = tf.data.Dataset.from_tensors(tf.zeros([0], tf.string))
        return told.filter(lambda _: tf.py_function(self._tell, [], tf.bool))

    def shard(self, index: tf.Tensor, on_error: str) -> tf.data.Dataset:
        """Chunks of one shard, for use inside `flat_map` and `interleave`."""
        path = tf.py_function(self._path, [index], tf.string)
        path.set_shape([])
        expected = tf.gather(tf.constant([s.examples for s in self._shards], tf.int64), index)
        records = tf.data.TFRecordDataset(path, COMPRESSIONS[self._compression])
        end = tf.data.Dataset.from_tensors(tf.zeros([0], tf.string))
        counted = (
            records.batch(self.chunk)
            .ignore_errors()
            .concatenate(end)
            .scan(tf.constant(0, tf.int64), lambda before, chunk: _count(before, chunk))
        )
        compared = counted.map(lambda before, chunk: _compared(before, chunk, expected))
        if on_error == "stop":
            sound = compared.map(lambda *found: self._stopping(index, *found))
        else:
            sound = compared.flat_map(lambda *found: self._skipping(index, records, *found))
        return sound.filter(lambda chunk: tf.size(chunk) > 0)

    def _stopping(
        self, index: tf.Tensor, wrong: tf.Tensor, kept: tf.Tensor, before: tf.Tensor
    ) -> tf.Tensor:
        return tf.cond(wrong, lambda: self._stop(index, kept), lambda: kept)

    def _stop(self, index: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
        message = tf.py_function(self._describe, [index], tf.string)
        with tf.control_dependencies([tf.debugging.Assert(False, [message])]):
            return tf.identity(kept)

    def _skipping(
        self,
        index: tf.Tensor,
        records: tf.data.Dataset,
        wrong: tf.Tensor,
        kept: tf.Tensor,
        before: tf.Tensor,
    ) -> tf.data.Dataset:
        """What was kept and, where the shard ends early, the sound part of the damaged chunk."""
        noted = tf.cond(wrong, lambda: self._noted(index), lambda: False)
        with tf.control_dependencies([noted]):
            kept = tf.identity(kept)
        early = wrong & (tf.size(kept) == 0)
        rest = records.ignore_errors().skip(before).batch(self.chunk)
        all_or_none = tf.where(early, tf.constant(-1, tf.int64), tf.constant(0, tf.int64))
        return tf.data.Dataset.from_tensors(kept).concatenate(rest.take(all_or_none))

    def _noted(self, index: tf.Tensor) -> tf.Tensor:
        return tf.py_function(self._note, [index], tf.bool)

    def _path(self, index: tf.Tensor) -> str:
        # TensorFlow's ignore_errors asks for ever where a file cannot be opened.
        path = self._paths[int(index)]
        return os.devnull if damage.why_closed(path) else str(path)

    def _describe(self, index: tf.Tensor) -> str:
        shard = self._shards[int(index)]
        return damage.describe(self._paths[int(index)], self._compression, shard.examples)

    def _note(self, index: tf.Tensor) -> bool:
        shard, path = self._shards[int(index)], self._paths[int(index)]
        found = damage.readable(path, self._compression)
        self.losses.note(shard.file, max(0, shard.examples - found.records))
        _log.debug("%s", self._describe(index))
        return True

    def _tell(self) -> bool:
        if self.losses.by_shard:
            _log.warning("%s", self.losses)
        return False


def _count(before: tf.Tensor, chunk: tf.Tensor) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
    return before + tf.size(chunk, tf.int64), (before, chunk)


def _compared(
    before: tf.Tensor, chunk: tf.Tensor, expected: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Whether the count is wrong here, the records to keep, and the number of those before.

    The empty chunk stands for the end of the file.
    """
    size = tf.size(chunk, tf.int64)
    early = (size == 0) & (before < expected)
    excess = (before <= expected) & (before + size > expected)
    room = tf.maximum(expected - before, 0)
    return early | excess, chunk[:room], before
