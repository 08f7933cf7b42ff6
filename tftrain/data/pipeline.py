"""Batches for training: shard, cache, shuffle, batch, augment, prefetch, in this order."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tftrain.data import records, sharding
from tftrain.data.epochs import ArraySource, DatasetSource, Order, RecordSource, Source
from tftrain.data.examples import Examples
from tftrain.data.file_cache import cached
from tftrain.data.records import RecordSplit
from tftrain.errors import BadInput
from tftrain.keras_api import tf
from tftrain.notices import notice

Augment = Callable[..., tuple[Any, Any]]
IN_MEMORY = "memory"
_BYTE = 255.0


def steps_per_epoch(examples: Examples | RecordSplit, batch_size: int) -> int:
    """Number of batches that hold every example once; the last may be smaller."""
    return math.ceil(len(examples) / batch_size)


def pipeline(
    source: Any,
    *,
    batch_size: int,
    shuffle: bool | int = True,
    seed: int = 0,
    cache: str | os.PathLike[str] | None = None,
    augment: Augment | None = None,
    shard: tuple[int, int] | None = None,
    drop_remainder: bool = False,
    prefetch: int | None = None,
    on_error: str = "stop",
    repeat: bool = False,
    first_epoch: int = 0,
) -> tf.data.Dataset:
    """Batches of a source, every example once an epoch, in an order drawn from seed and epoch.

    Each pass over the dataset is an epoch, in an order of its own; the k-th pass is the same
    whenever the settings are. See docs/how-to/feed-training.md for what happens in which order.

    Args:
        source: `Examples`, a pair of arrays (x, y), a split of a record set or the set's folder
            (its training split), or a `tf.data.Dataset` of single examples (x, y).
        batch_size: Examples a batch; of this worker's, if `shard` is given.
        shuffle: Arrays are permuted as a whole. Files are read in another order each epoch, four
            at a time, through a buffer: of 256 MiB or 100,000 examples, or of so many examples as
            given here. False keeps the source's order.
        seed: Of order and augmentation.
        cache: `memory` decodes a record set once and keeps it; a folder keeps it decoded and
            uncompressed, under a key made of its content, so that another content is never read
            in its place.
        augment: Called on each batch as `augment(images, labels, seed, index=numbers)`, such as
            `tftrain.augment.compose("flip", "crop")`. `seed` is [seed, epoch]; `numbers` `[B]`
            say which examples these are. A record set's 8-bit images arrive as uint8.
        shard: (index, count): read only this worker's part, by files where there are as many
            files as workers, else by examples; a line on stderr says which. Not needed for `fit`
            under a strategy of tftrain, which gives every worker its part of each batch.
        drop_remainder: Leave out the last batch if it is smaller.
        prefetch: Batches kept ready; by default as many as tf.data finds useful.
        on_error: At a damaged record `stop`, or `skip` the rest of its shard and say how many
            records were lost.
        repeat: Go on for ever, for `fit(..., steps_per_epoch=steps_per_epoch(...))`.
        first_epoch: The epoch that the first pass is.

    Returns:
        A dataset of (x `[B, ...]`, y `[B]`): of a record set float32, images in [0, 1]; of any
        other source as it is there. With `augment`, as that gives them.

    Raises:
        BadInput: A source or a setting that is not as described.
        DataError: The record set or the cache cannot be used.

    Example:
        >>> x, y = np.arange(5.0, dtype=np.float32), np.arange(5)
        >>> batches = pipeline((x, y), batch_size=2, seed=1)
        >>> [y.shape[0] for _, y in batches]
        [2, 2, 1]
    """
    _check(batch_size, shuffle, augment, prefetch)
    order = Order(batch_size, drop_remainder, shuffle, seed)
    made, scale = _source(source, cache, shard, on_error)
    one_epoch = functools.partial(_one_epoch, made, order, augment, scale)
    epochs = tf.data.Dataset.counter(first_epoch) if repeat else _next_epoch(first_epoch)
    batches = epochs.flat_map(one_epoch)
    size = tf.data.INFINITE_CARDINALITY if repeat else order.batches(made.size)
    prefetched = tf.data.AUTOTUNE if prefetch is None else prefetch
    return _counted(batches, size).prefetch(prefetched)


def _check(
    batch_size: int, shuffle: bool | int, augment: Augment | None, prefetch: int | None
) -> None:
    for wrong, message in (
        (batch_size < 1, f"batch_size is {batch_size}; expected 1 or more"),
        (shuffle is not False and shuffle < 1, f"shuffle is {shuffle}; expected True, False or 1+"),
        (augment and not callable(augment), f"augment is {augment!r}; expected a function"),
        (prefetch is not None and prefetch < 0, f"prefetch is {prefetch}; expected 0 or more"),
    ):
        if wrong:
            raise BadInput(message)


def _source(
    given: Any, cache: Any, shard: tuple[int, int] | None, on_error: str
) -> tuple[Source, float | None]:
    """What epochs are made of, and the value that is to become 1.0, if any is."""
    sharding.check_shard(shard)
    if isinstance(given, str | os.PathLike):
        given = records.open(given).splits["train"]
    if isinstance(given, RecordSplit):
        return _of_records(given, cache, shard, on_error), given.info.scale
    if cache not in (None, IN_MEMORY):
        raise BadInput(
            f"cache is {cache!r}, but only record sets are kept in files: a file could not tell "
            "that another source has changed; expected None or 'memory'"
        )
    if isinstance(given, tf.data.Dataset):
        return DatasetSource(given.cache() if cache else given, shard), None
    return _of_arrays(_examples(given), shard), None


def _examples(given: Any) -> Examples:
    if isinstance(given, Examples):
        return given
    if isinstance(given, tuple) and len(given) == 2 and len(given[0]) == len(given[1]):
        return Examples(np.asarray(given[0]), np.asarray(given[1]))
    raise BadInput(
        f"source is {type(given).__name__}; expected Examples, arrays (x, y) of one length, a "
        "record set's folder or split, or a tf.data.Dataset"
    )


def _of_arrays(examples: Examples, shard: tuple[int, int] | None) -> ArraySource:
    if shard is None:
        return ArraySource(examples, np.arange(len(examples)))
    worker, workers = shard
    numbers = np.arange(worker, len(examples), workers)
    return ArraySource(examples.take(numbers), numbers)


def _of_records(
    split: RecordSplit, cache: Any, shard: tuple[int, int] | None, on_error: str
) -> Source:
    counts = [each.examples for each in split.shards]
    part = sharding.share(shard, counts)
    if shard is not None:
        notice(sharding.describe(part, counts))
    if cache is None:
        return RecordSource(split, part, on_error)
    if cache == IN_MEMORY:
        return RecordSource(split, part, on_error).in_memory()
    return RecordSource(cached(split, Path(cache)), part, on_error)


def _next_epoch(first: int) -> tf.data.Dataset:
    """A dataset of one number, which is one more in every pass."""
    with tf.device("CPU:0"), tf.init_scope():
        passes = tf.Variable(first - 1, dtype=tf.int64, trainable=False)
    return tf.data.Dataset.from_tensors(0).map(lambda _: passes.assign_add(1))


def _one_epoch(
    source: Source,
    order: Order,
    augment: Augment | None,
    scale: float | None,
    epoch: tf.Tensor,
) -> tf.data.Dataset:
    def finished(numbers: tf.Tensor, x: tf.Tensor, y: Any) -> tuple[tf.Tensor, Any]:
        rest = scale
        if scale is not None and not (augment and x.dtype == tf.uint8 and scale == _BYTE):
            x, rest = tf.cast(x, tf.float32) / scale, None
        if augment is not None:
            x, y = augment(x, y, order.of_epoch(epoch), index=numbers)
            if rest is not None and x.dtype == tf.uint8:
                x = tf.cast(x, tf.float32) / rest
        return x, y

    return source.epoch(epoch, order).map(finished, tf.data.AUTOTUNE)


def _counted(batches: tf.data.Dataset, size: int | None) -> tf.data.Dataset:
    """The dataset, told its number of batches, so that nobody needs to ask for one more."""
    if size is None:
        return batches
    return batches.apply(tf.data.experimental.assert_cardinality(size))
