"""Where a shard is damaged: found by reading it again, once something was found wrong."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tftrain.data.records.shards import COMPRESSIONS, FRAME
from tftrain.keras_api import tf

_AT_ONCE = 1024


@dataclasses.dataclass(frozen=True)
class Readable:
    """How much of a shard can be read.

    Attributes:
        records: Sound records before the first fault.
        offset: Byte at which they end, in the uncompressed stream.
        fault: What TensorFlow says about the next one; empty if the file ends there cleanly.
    """

    records: int
    offset: int
    fault: str


def why_closed(path: Path) -> str:
    """Why a file cannot be opened; empty if it can."""
    try:
        with open(path, "rb"):
            return ""
    except OSError as error:
        return error.strerror or type(error).__name__


def readable(path: Path, compression: str) -> Readable:
    """Reads a shard up to its first fault."""
    closed = why_closed(path)
    if closed:
        return Readable(0, 0, closed)
    records = tf.data.TFRecordDataset(str(path), COMPRESSIONS[compression])
    lengths = records.map(lambda record: tf.strings.length(record, unit="BYTE"))
    count = offset = 0
    for part in lengths.ignore_errors().batch(_AT_ONCE):
        count += len(part)
        offset += int(tf.reduce_sum(tf.cast(part, tf.int64))) + FRAME * len(part)
    return Readable(count, offset, _fault(records, count))


def records(path: Path, compression: str, start: int, stop: int) -> list[bytes]:
    """The sound records from number `start` to before `stop`, or to before the first fault."""
    if why_closed(path):
        return []
    found = tf.data.TFRecordDataset(str(path), COMPRESSIONS[compression]).ignore_errors()
    return list(found.skip(start).take(stop - start).as_numpy_iterator())


def describe(path: Path, compression: str, expected: int) -> str:
    """A sentence on what is wrong with a shard that should hold so many records."""
    found = readable(path, compression)
    if not found.fault and found.records == expected:
        return f"{path} could not be read a moment ago and can be now: the disk or network fails"
    stream = "" if compression == "none" else " of the uncompressed stream"
    what = f"record {found.records} (counted from 0) at byte {found.offset}{stream}"
    if found.fault:
        return f"{path} is damaged: {what} cannot be read ({found.fault})"
    if found.records < expected:
        return (
            f"{path} ends early: it holds {found.records} records instead of {expected}, "
            f"and ends where {what} should be"
        )
    return f"{path} holds {found.records} records; the manifest says {expected}"


def _fault(records: tf.data.Dataset, sound: int) -> str:
    try:
        for _ in records.skip(sound).take(1):
            pass
    except tf.errors.OpError as error:
        return error.message.split("} ")[-1].split(" [Op:")[0].rstrip(". ")
    return ""
