"""Read every byte of a record set and compare it with the manifest."""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tftrain.data.records import damage, signature
from tftrain.data.records import manifest as manifests
from tftrain.data.records.manifest import Manifest
from tftrain.data.records.schema import labels_of
from tftrain.data.records.shards import COMPRESSIONS, Shard, sha256
from tftrain.errors import DataError, RecordsDamaged
from tftrain.keras_api import tf

_AT_ONCE = 1024


@dataclasses.dataclass(frozen=True)
class Verified:
    """A set that is what its manifest says.

    Attributes:
        shards: Files read.
        records: Records read.
        bytes: Bytes read.
        seconds: Time it took.
        signature: `checked` with the key, `not checked` for want of one, or `none`.
    """

    shards: int
    records: int
    bytes: int
    seconds: float
    signature: str


def verify(
    directory: str | os.PathLike[str], *, key: str | os.PathLike[str] | None = None
) -> Verified:
    """Checks manifest, signature, and every shard: digest, size, checksums, counts, classes.

    Args:
        directory: A record set.
        key: Key file; the manifest must then be signed with this key.

    Raises:
        RecordsDamaged: With a finding for every fault, each naming its file.
        DataError: No record set, or of a newer version.
        BadInput: The key cannot be used.
    """
    folder = Path(directory).expanduser()
    secret = None if key is None else signature.read_key(key)
    if not (folder / manifests.FILE).is_file():
        manifests.read(folder)  # says what is missing
    try:
        manifest = manifests.read(folder, secret)
    except manifests.NewerVersion:
        raise
    except DataError as error:
        raise RecordsDamaged([str(error)]) from error
    shards = [shard for split in manifest.splits.values() for shard in split]
    tf.data.TFRecordDataset  # noqa: B018 - TensorFlow loads here, not in several threads at once
    started = time.perf_counter()
    findings = _extra(folder, shards) + _shard_findings(folder, manifest, shards)
    if findings:
        raise RecordsDamaged(findings)
    return Verified(
        shards=len(shards),
        records=sum(shard.examples for shard in shards),
        bytes=sum(shard.bytes for shard in shards),
        seconds=time.perf_counter() - started,
        signature="checked" if secret else "not checked" if manifest.signed else "none",
    )


def _extra(folder: Path, shards: list[Shard]) -> list[str]:
    known = {shard.file for shard in shards}
    return [
        f"{path} is extra: the manifest does not name it; remove it"
        for path in sorted(folder.iterdir())
        if ".tfrecord" in path.name and path.name not in known
    ]


def _shard_findings(folder: Path, manifest: Manifest, shards: list[Shard]) -> list[str]:
    digests = {shard.sha256: shard.file for shard in shards}
    total = sum(shard.bytes for shard in shards)
    with (
        tqdm(total=total, unit="B", unit_scale=True, disable=None, dynamic_ncols=True) as bar,
        ThreadPoolExecutor(os.cpu_count()) as threads,
    ):
        advance = _locked(bar.update)

        def examined(shard: Shard) -> str:
            finding = _finding(folder / shard.file, shard, manifest, digests)
            advance(shard.bytes)
            return finding

        return [finding for finding in threads.map(examined, shards) if finding]


def _finding(path: Path, shard: Shard, manifest: Manifest, digests: dict[str, str]) -> str:
    """What is wrong with a shard; empty if nothing is."""
    if not path.is_file():
        return f"{path} is missing"
    digest = sha256(path)
    if digest != shard.sha256:
        return _changed(path, shard, manifest, digests.get(digest))
    counts = _class_counts(path, manifest)
    if counts != shard.per_class:
        return (
            f"{path} holds {sum(counts)} records, of each class {list(counts)}; the manifest "
            f"says {shard.examples}, {list(shard.per_class)}: the manifest is wrong"
        )
    return ""


def _changed(path: Path, shard: Shard, manifest: Manifest, other: str | None) -> str:
    if other:
        return f"{path} holds what {other} should hold: files were swapped or copied"
    size = path.stat().st_size
    if size < shard.bytes:
        return f"{path} is truncated: {size} bytes of {shard.bytes}"
    if size > shard.bytes:
        return f"{path} has {size} bytes; the manifest says {shard.bytes}"
    found = damage.readable(path, manifest.compression)
    if found.fault or found.records != shard.examples:
        return damage.describe(path, manifest.compression, shard.examples)
    return f"{path} is not the file that was written: its records can be read, its SHA-256 differs"


def _class_counts(path: Path, manifest: Manifest) -> tuple[int, ...]:
    counts = np.zeros(len(manifest.info.labels), np.int64)
    records = tf.data.TFRecordDataset(str(path), COMPRESSIONS[manifest.compression])
    for labels in records.batch(_AT_ONCE).map(labels_of).as_numpy_iterator():
        counts += np.bincount(labels, minlength=len(counts))
    return tuple(counts.tolist())


def _locked(call: Callable[[int], object]) -> Callable[[int], None]:
    lock = threading.Lock()

    def locked(value: int) -> None:
        with lock:
            call(value)

    return locked
