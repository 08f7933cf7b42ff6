"""A record set that was opened: its splits, and how to read them."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tftrain.data.examples import Examples, Info
from tftrain.data.records import manifest as manifests
from tftrain.data.records import signature
from tftrain.data.records.manifest import Manifest
from tftrain.data.records.reading import Losses, ShardReader, naming_damage
from tftrain.data.records.shards import Shard
from tftrain.errors import BadInput, DataError, UnknownName
from tftrain.keras_api import tf


class RecordSplit:
    """One split of a record set.

    Attributes:
        name: `train`, `validation` or `test`.
        info: What the dataset is.
        schema: What a record holds.
        shards: Its files, as the manifest describes them.
        paths: Where they are.
        losses: What `on_error="skip"` has lost so far: `.records` and `.by_shard`.
    """

    def __init__(self, folder: Path, name: str, manifest: Manifest) -> None:
        self.name = name
        self.info: Info = manifest.info
        self.shards: tuple[Shard, ...] = manifest.splits[name]
        self.paths = tuple(folder / shard.file for shard in self.shards)
        self.schema = manifest.schema
        self._reader = ShardReader(folder, self.shards, manifest.compression)

    def __len__(self) -> int:
        return sum(shard.examples for shard in self.shards)

    @property
    def losses(self) -> Losses:
        """What was skipped because it could not be read."""
        return self._reader.losses

    def dataset(
        self, *, files: tf.Tensor | Sequence[int] | None = None, on_error: str = "stop"
    ) -> tf.data.Dataset:
        """Serialized records, one after another, in the files' order.

        Args:
            files: Indices of shards `[F]`, in the order to read them in; a tensor made inside
                `flat_map` will do, such as a permutation of an epoch. By default all, in order.
            on_error: At damage `stop`, with an InvalidArgumentError that names shard, record and
                byte, or `skip` the rest of that shard, log the loss at the end of the pass and
                count it in `losses`.

        Returns:
            A dataset of scalar strings, for `decode` once they are batched.
        """
        return self.chunks(files=files, on_error=on_error).unbatch()

    def chunks(
        self,
        *,
        files: tf.Tensor | Sequence[int] | None = None,
        on_error: str = "stop",
        parallel: int = 1,
    ) -> tf.data.Dataset:
        """The same records as `dataset`, many at a time, which costs less.

        Args:
            files: As for `dataset`; none twice.
            on_error: As for `dataset`.
            parallel: Files to read at a time, their chunks taken in turn: worth it where they
                are compressed. The order is the same every time.

        Returns:
            A dataset of strings `[n]`, for `decode` as they are; n varies, and no chunk holds
            records of two shards.
        """
        return self._reader.chunks(files, on_error, parallel)

    def numbered(
        self,
        *,
        files: tf.Tensor | Sequence[int] | None = None,
        on_error: str = "stop",
        parallel: int = 1,
    ) -> tf.data.Dataset:
        """The chunks with their records' numbers in the split: pairs of int64 and strings `[n]`.

        The numbers are the same in whatever order the files are read. Arguments: see `chunks`.
        """
        return self._reader.numbered(files, on_error, parallel)

    def decode(self, serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """A batch of records as arrays: see `Schema.decode`."""
        return self.schema.decode(serialized)

    def decoded(self, *, on_error: str = "stop", parallel: int = 1) -> tf.data.Dataset:
        """Batches (x `[n, ...]` as stored, y `[n]`) of varying size, decoded on all cores."""
        chunks = self.chunks(on_error=on_error, parallel=parallel)
        return chunks.map(self.decode, tf.data.AUTOTUNE)

    def examples(self) -> Examples:
        """Everything at once, as stored.

        Raises:
            RecordsDamaged: A shard is not what the manifest says.
        """
        schema = self.schema
        x = np.empty((len(self), *schema.shape), schema.dtype)
        y = np.empty(len(self), np.int64)
        at = 0
        with naming_damage():
            for some_x, some_y in self.decoded().prefetch(1).as_numpy_iterator():
                x[at : at + len(some_y)], y[at : at + len(some_y)] = some_x, some_y
                at += len(some_y)
        return Examples(x, y)


class RecordSet:
    """A folder of shards with a manifest.

    Attributes:
        path: The folder.
        manifest: Its manifest.
        info: What the dataset is.
        splits: By name.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self.info = manifest.info
        self.splits: Mapping[str, RecordSplit] = {
            name: RecordSplit(path, name, manifest) for name in manifest.splits
        }

    @functools.cached_property
    def fingerprint(self) -> str:
        """A digest of the content. Other examples, order, labels or types give another."""
        digest = hashlib.sha256(repr((self.manifest.schema, self.info.labels)).encode())
        for name, split in sorted(self.splits.items()):
            for shard in split.shards:
                digest.update(f"{name} {shard.file} {shard.sha256}\n".encode())
        return digest.hexdigest()


def open_set(
    directory: str | os.PathLike[str], *, key: str | os.PathLike[str] | None = None
) -> RecordSet:
    """Opens a record set, after the checks that cost nothing; `verify` does those that do.

    Args:
        directory: Its folder.
        key: Key file; the manifest must then be signed with this key.

    Raises:
        DataError: No record set, of a newer version, edited, not signed as it should be, with a
            shard that is missing or of another size, or that leads out of the folder.
        BadInput: The key cannot be used.
    """
    path = Path(directory).expanduser()
    if not path.is_dir():
        raise DataError(f"{path} is no folder; expected a record set")
    manifest = manifests.read(path, None if key is None else signature.read_key(key))
    for shards in manifest.splits.values():
        for shard in shards:
            _check_file(path / shard.file, shard)
    return RecordSet(path, manifest)


def read(
    directory: str | os.PathLike[str],
    split: str = "train",
    *,
    batch_size: int | None = None,
    on_error: str = "stop",
    key: str | os.PathLike[str] | None = None,
) -> tf.data.Dataset:
    """The examples of a split, scaled as `tftrain.data.load` does it, in the order stored.

    The order was drawn at random when the set was written.

    Args:
        directory: A record set.
        split: `train`, `validation` or `test`.
        batch_size: Examples in a batch; by default examples one by one.
        on_error: At a damaged record `stop`, or `skip` the rest of its shard.
        key: Key file; the manifest must then be signed with this key.

    Returns:
        A dataset of (x float32 `[B, ...]`, 1.0 for the largest value; y int64 `[B]`), or without
        B. Its `losses` counts what was skipped.

    Raises:
        DataError: See `open`.
        UnknownName: No such split.
        BadInput: `batch_size` below 1, or another `on_error`.
    """
    if batch_size is not None and batch_size < 1:
        raise BadInput(f"batch_size is {batch_size}; expected 1 or more")
    opened = open_set(directory, key=key)
    if split not in opened.splits:
        raise UnknownName("split", split, opened.splits)
    part = opened.splits[split]
    scale = tf.constant(part.info.scale, tf.float32)
    decoded = part.decoded(on_error=on_error)
    batches = decoded if batch_size is None else decoded.rebatch(batch_size)
    dataset = batches.map(lambda x, y: (tf.cast(x, tf.float32) / scale, y), tf.data.AUTOTUNE)
    dataset = dataset.unbatch() if batch_size is None else dataset
    if on_error == "stop":
        size = len(part) if batch_size is None else -(-len(part) // batch_size)
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(size))
    dataset = dataset.prefetch(tf.data.AUTOTUNE)
    dataset.losses = part.losses
    return dataset


def _check_file(path: Path, shard: Shard) -> None:
    if not path.is_file():
        raise DataError(f"{path} is missing: the manifest names it; fetch the set again")
    size = path.stat().st_size
    if size != shard.bytes:
        raise DataError(
            f"{path} has {size} bytes; the manifest says {shard.bytes}: "
            "it is truncated or another file; fetch it again"
        )
