"""Write a record set, from whatever source, so that a kill costs no finished shard."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from tftrain.data.records import manifest as manifests
from tftrain.data.records import shares, signature
from tftrain.data.records.content import Content
from tftrain.data.records.manifest import Manifest
from tftrain.data.records.reading import check_on_error
from tftrain.data.records.record_set import RecordSet, open_set
from tftrain.data.records.shard_files import ShardWriter, deal
from tftrain.data.records.shards import check_compression, check_count
from tftrain.data.records.sources import Source, open_source
from tftrain.data.records.staging import Finished, Staging
from tftrain.errors import BadInput

_FEWEST = 8
_SHARD_BYTES = 128 << 20
_log = logging.getLogger("tftrain.data.records")


def write(
    source: Source,
    directory: str | os.PathLike[str],
    *,
    shards: int | None = None,
    compression: str = "none",
    validation: float = 0.0,
    test: float = 0.0,
    seed: int = 0,
    resize: tuple[int, int] | None = None,
    label: str | None = None,
    on_error: str = "stop",
    sign: str | os.PathLike[str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
) -> RecordSet:
    """Writes a record set: sharded TFRecord files and a manifest with their digests.

    The set appears whole, or not at all. After an interruption the same call goes on, if source
    and settings are the same. The same call also gives the same bytes.

    Args:
        source: Name of a dataset, an `.npz` or `.csv` file, a folder of images (a folder a
            class, perhaps below `train`, `validation` and `test`), or examples in memory.
        directory: Where the set shall be; must not exist, or be empty.
        shards: Files of the training split; other splits have as many as keeps their files of
            the same size. By default 8, or more where a file would pass 128 MiB, and not more
            than there are examples.
        compression: `none`, `gzip` or `zlib`.
        validation: Share of the training examples to set aside, stratified by class.
        test: The same, for testing.
        seed: Draws the order and the shares.
        resize: Height and width for images; without it they must be of one size.
        label: Column of a CSV file that holds the class; by default the last.
        on_error: At an image or row that cannot be read `stop`, or `skip` it with a warning.
        sign: Key file, to sign the manifest with.
        data_dir: Where a dataset by name has its files.

    Returns:
        The set, opened.

    Raises:
        BadInput: A setting that cannot be used, or a target that is not empty.
        DataError: A source that cannot be used.
        NoSpace: The disk is full; what was written is kept for the next try.

    Example:
        >>> import tempfile
        >>> written = write("digits", tempfile.mkdtemp() + "/digits", shards=4)
        >>> {name: len(split) for name, split in written.splits.items()}
        {'train': 1437, 'test': 360}
    """
    target = Path(directory).expanduser().resolve()
    check_target(target)
    check_compression(compression)
    check_on_error(on_error)
    held_out = {"validation": validation, "test": test}
    shares.check(held_out)
    if shards is not None:
        check_count(shards, shards, "train")
    key = None if sign is None else signature.read_key(sign)
    content = open_source(source, label=label, resize=resize, on_error=on_error, data_dir=data_dir)
    content = shares.hold_out(content, held_out, seed)
    counts = _counts(content, shards)
    staging = Staging(target)
    plan = _plan(content, counts, compression, seed, on_error)
    with staging.opened(plan):
        finished = _write_shards(content, staging, counts, compression, seed, on_error == "skip")
        splits = {name: tuple(one.shard for one in of) for name, of in finished.items()}
        manifest = Manifest(content.info, content.schema, compression, seed, splits)
        manifest.write(staging.files, key)
        staging.publish()
    _tell_skipped(content, finished)
    return open_set(target, key=sign)


def check_target(target: Path) -> None:
    """Raises BadInput unless a set can be written there."""
    if target.exists() and not target.is_dir():
        raise BadInput(f"{target} is a file; expected a folder to be made")
    if target.is_dir() and any(target.iterdir()):
        raise BadInput(
            f"{target} is not empty; give another folder, or remove this one first: "
            "a record set is never written over"
        )


def _counts(content: Content, shards: int | None) -> dict[str, int]:
    """Shards of each split."""
    sizes = {name: len(part.y) for name, part in content.parts.items()}
    train = sizes["train"] if shards is None else shards
    if shards is None:
        first = content.parts["train"].payload(0)
        mean = len(first) if isinstance(first, bytes) else first.nbytes
        train = min(train, max(_FEWEST, -(-mean * sizes["train"] // _SHARD_BYTES)))
    counts = {
        name: train if name == "train" else max(1, round(train * size / sizes["train"]))
        for name, size in sizes.items()
    }
    for name, count in counts.items():
        check_count(count, sizes[name], name)
    return counts


def _plan(
    content: Content, counts: Mapping[str, int], compression: str, seed: int, on_error: str
) -> dict[str, Any]:
    return {
        "content": content.identity(),
        "shards": dict(counts),
        "compression": compression,
        "seed": seed,
        "on_error": on_error,
        "writer": Manifest.writer,
        "version": manifests.VERSION,
    }


def _write_shards(
    content: Content,
    staging: Staging,
    counts: Mapping[str, int],
    compression: str,
    seed: int,
    skip: bool,
) -> dict[str, list[Finished]]:
    random = np.random.default_rng(seed)
    dealt = {name: deal(content.parts[name].y, count, random) for name, count in counts.items()}
    total = sum(len(part.y) for part in content.parts.values())
    with tqdm(
        total=total, unit=" examples", unit_scale=True, disable=None, dynamic_ncols=True
    ) as bar:
        writer = ShardWriter(content, staging, compression, skip=skip, progress=bar.update)
        return writer.write(dealt)


def _tell_skipped(content: Content, finished: Mapping[str, list[Finished]]) -> None:
    skipped = [*content.skipped]
    for of_split in finished.values():
        skipped += [message for one in of_split for message in one.skipped]
    for message in skipped:
        _log.warning("left out: %s", message)
