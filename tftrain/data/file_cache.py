"""Decoded, uncompressed copies of record sets, found again by what they were made from."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path

from tftrain.atomic import clear_leftovers, publish_folder
from tftrain.data import records
from tftrain.data.records import RecordSplit, naming_damage
from tftrain.data.records.manifest import Manifest
from tftrain.data.records.schema import RAW, Encoder
from tftrain.data.records.shard_files import write_shard
from tftrain.errors import BadInput, DataError
from tftrain.keras_api import tf
from tftrain.notices import notice

_FORMAT = "decoded 1"
_KEY_LENGTH = 16


def cached(split: RecordSplit, folder: Path) -> RecordSplit:
    """The split's copy in this folder, made now if it is not there.

    The copy has the same records in the same files and order. Its name is a digest of the split's
    content as the manifest states it, so a changed set never finds the copy of what it was.

    Raises:
        BadInput: The folder is none.
        DataError: The copy cannot be written, or is not as it was written.
        RecordsDamaged: The split cannot be read.
    """
    folder = folder.expanduser()
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"the cache {folder} is a file; expected a folder")
    target = folder / _key(split)
    if not target.is_dir():
        _copy(split, target)
    return records.open(target).splits[split.name]


def _key(split: RecordSplit) -> str:
    digests = [(shard.file, shard.sha256) for shard in split.shards]
    content = repr((_FORMAT, split.schema, split.info, digests)).encode()
    return hashlib.sha256(content).hexdigest()[:_KEY_LENGTH]


def _copy(split: RecordSplit, target: Path) -> None:
    notice(f"decoding {len(split):,} examples into {target}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        clear_leftovers(target.parent)  # of a killed process, as large as the set
        with publish_folder(target) as temporary, naming_damage():
            _write(split, temporary)
    except OSError as error:
        if not target.is_dir():  # another process may have made the same copy meanwhile
            raise DataError(f"the cache {target} cannot be written: {error.strerror}") from error


def _write(split: RecordSplit, folder: Path) -> None:
    schema = dataclasses.replace(split.schema, encoding=RAW)
    classes = len(split.info.labels)
    shards = [
        write_shard(folder / f"{split.name}-{number:05}", _decoded(split, number), "none", classes)
        for number in range(len(split.shards))
    ]
    Manifest(split.info, schema, "none", 0, {split.name: tuple(shards)}).write(folder)


def _decoded(split: RecordSplit, number: int) -> Iterator[tuple[int, bytes]]:
    encoder = Encoder()
    batches = split.chunks(files=[number]).map(split.decode, tf.data.AUTOTUNE)
    for x, y in batches.as_numpy_iterator():
        for one, label in zip(x, y, strict=True):
            yield label, encoder.encode(one, label)
