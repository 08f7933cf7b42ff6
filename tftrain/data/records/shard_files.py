"""Write the shards of a split, several at a time.

In threads: compressing, hashing, decoding and writing run outside of Python's lock, and two
threads compress 1.7 times as fast as one. Processes would each load TensorFlow first, which takes
longer than a million small records, and would need the data sent to them.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tftrain.atomic import replace_file
from tftrain.data.records.content import Content, Part
from tftrain.data.records.schema import Encoder
from tftrain.data.records.shards import COMPRESSIONS, FRAME, Shard, file_name, sha256
from tftrain.data.records.staging import Finished, Staging
from tftrain.errors import DataError, NoSpace, TftrainError
from tftrain.keras_api import tf

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_WORDS = tuple(os.strerror(number) for number in _FULL)


def deal(y: np.ndarray, shards: int, random: np.random.Generator) -> list[np.ndarray]:
    """Which examples go to which shard, in which order.

    Every class is dealt out like cards, so that shards hold as much of it as each other (to one
    example), and every shard is shuffled: a reader of some shards only sees all classes.

    Example:
        >>> dealt = deal(np.array([0, 0, 1, 1]), 2, np.random.default_rng(0))
        >>> [sorted(np.array([0, 0, 1, 1])[one].tolist()) for one in dealt]
        [[0, 1], [0, 1]]
    """
    order = random.permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    return [random.permutation(order[first::shards]) for first in range(shards)]


def write_shard(
    path: Path, records: Iterable[tuple[int, bytes]], compression: str, classes: int
) -> Shard:
    """Writes one shard, atomically.

    Args:
        path: The file to be.
        records: Class index and content of each record.
        compression: `none`, `gzip` or `zlib`.
        classes: Number of classes.

    Returns:
        What the manifest is to say of it.
    """
    per_class, stream_bytes = np.zeros(classes, int), 0
    with replace_file(path) as temporary:
        with tf.io.TFRecordWriter(str(temporary), COMPRESSIONS[compression]) as writer:
            for label, record in records:
                writer.write(record)
                per_class[label] += 1
                stream_bytes += len(record) + FRAME
        size, digest = temporary.stat().st_size, sha256(temporary)
    counts = tuple(per_class.tolist())
    return Shard(path.name, sum(counts), counts, size, stream_bytes, digest)


class ShardWriter:
    """Writes shards into a staging folder.

    Args:
        content: What to write.
        staging: Where.
        compression: `none`, `gzip` or `zlib`.
        skip: Whether to leave out examples that cannot be read, instead of stopping.
        progress: Told the number of examples behind it, from several threads at a time.
    """

    def __init__(
        self,
        content: Content,
        staging: Staging,
        compression: str,
        *,
        skip: bool,
        progress: Callable[[int], object],
    ) -> None:
        self._content = content
        self._staging = staging
        self._compression = compression
        self._skip = skip
        self._progress = progress
        self._stopped = threading.Event()

    def write(self, dealt: Mapping[str, Sequence[np.ndarray]]) -> dict[str, list[Finished]]:
        """Writes what is not there yet.

        Raises:
            DataError: An example cannot be read, or nothing is left of a shard.
            NoSpace: The disk is full.
        """
        tf.io.TFRecordWriter  # noqa: B018 - TensorFlow loads here, not in several threads at once
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            running = {
                split: [
                    threads.submit(self._shard, split, number, len(of_split), indices)
                    for number, indices in enumerate(of_split)
                ]
                for split, of_split in dealt.items()
            }
            try:
                return {split: [one.result() for one in of] for split, of in running.items()}
            except BaseException as error:
                self._stopped.set()
                threads.shutdown(cancel_futures=True)
                if _is_full(error):
                    raise NoSpace(self._full(error)) from error
                raise

    def _shard(self, split: str, number: int, shards: int, indices: np.ndarray) -> Finished:
        file = file_name(split, number, shards, self._compression)
        done = self._staging.finished(file)
        if done:
            self._progress(len(indices))
            return done
        done = self._written(file, self._content.parts[split], indices)
        self._staging.finish(done)
        return done

    def _written(self, file: str, part: Part, indices: np.ndarray) -> Finished:
        path, skipped = self._staging.files / file, []
        records = self._records(part, indices, skipped)
        shard = write_shard(path, records, self._compression, len(self._content.info.labels))
        if not shard.examples:
            raise DataError(f"no example of {file} can be read; the first: {skipped[0]}")
        return Finished(shard, tuple(skipped))

    def _records(
        self, part: Part, indices: np.ndarray, skipped: list[str]
    ) -> Iterator[tuple[int, bytes]]:
        encoder = Encoder()
        for index in indices:
            if self._stopped.is_set():
                raise TftrainError("stopped, because another shard could not be written")
            try:
                yield part.y[index], encoder.encode(part.payload(index), part.y[index])
            except DataError as error:
                if not self._skip:
                    raise DataError(f"{error}; --on_error=skip leaves it out") from error
                skipped.append(str(error))
            self._progress(1)

    def _full(self, error: BaseException) -> str:
        staging = self._staging
        return (
            f"no space left for {staging.target} ({_words(error)}): {len(staging)} finished shards "
            f"are kept in {staging.path}; make room and run the same command again, it goes on "
            "with them"
        )


def _is_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _FULL
    return isinstance(error, tf.errors.OpError) and error.message.endswith(_FULL_WORDS)


def _words(error: BaseException) -> str:
    return os.strerror(error.errno) if isinstance(error, OSError) else error.message.split("; ")[-1]
