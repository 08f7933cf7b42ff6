"""Shards: the files of a record set, their names and how they are compressed."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

from tftrain.errors import BadInput, UnknownName

COMPRESSIONS = {"none": "", "gzip": "GZIP", "zlib": "ZLIB"}
_SUFFIXES = {"none": "", "gzip": ".gz", "zlib": ".zz"}
_PART = 1 << 20
FRAME = 16  # bytes around a record: its length (8), and a checksum (4) of length and of content


@dataclasses.dataclass(frozen=True)
class Shard:
    """One file of a split.

    Attributes:
        file: Name, inside the set's folder.
        examples: Number of records.
        per_class: Number of records of each class.
        bytes: Size of the file.
        stream_bytes: Size of what the file unpacks to; the same as `bytes` where uncompressed.
        sha256: Digest of the file, in hexadecimal.
    """

    file: str
    examples: int
    per_class: tuple[int, ...]
    bytes: int
    stream_bytes: int
    sha256: str


def check_compression(name: str) -> None:
    """Raises UnknownName unless records can be compressed so."""
    if name not in COMPRESSIONS:
        raise UnknownName("compression", name, COMPRESSIONS)


def check_count(shards: int, examples: int, split: str) -> None:
    """Raises BadInput unless so many examples can fill so many shards."""
    if shards < 1:
        raise BadInput(f"shards is {shards}; expected 1 or more")
    if shards > examples:
        raise BadInput(
            f"{shards} shards for {examples} examples in {split}: none may be empty; "
            f"ask for {examples} shards or fewer"
        )


def file_name(split: str, index: int, shards: int, compression: str) -> str:
    """Name of a shard.

    Example:
        >>> file_name("train", 0, 8, "gzip")
        'train-00000-of-00008.tfrecord.gz'
    """
    return f"{split}-{index:05}-of-{shards:05}.tfrecord{_SUFFIXES[compression]}"


def sha256(path: Path) -> str:
    """Digest of a file, in hexadecimal; other threads run meanwhile."""
    digest, part = hashlib.sha256(), memoryview(bytearray(_PART))
    with open(path, "rb", buffering=0) as file:
        while size := file.readinto(part):
            digest.update(part[:size])
    return digest.hexdigest()
