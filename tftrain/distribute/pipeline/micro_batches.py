"""A batch cut into micro-batches, and what they give put together again.

Rows are cut as evenly as possible, in order. A batch of fewer rows than micro-batches is not cut:
each micro-batch is a copy of it, of which the first counts (see keras_bridge/splitting.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tftrain.distribute.keras_bridge.row_share import RowShare, count_rows
from tftrain.distribute.keras_bridge.splitting import bounds, slice_rows
from tftrain.errors import StrategyError
from tftrain.keras_api import keras, tf


class MicroBatches:
    """How a batch is cut.

    Args:
        data: Nested tensors of the batch.
        count: The number of micro-batches.

    Attributes:
        count: It.
        rows: The rows of the batch, an int where that is known, else an int64 scalar.

    Raises:
        StrategyError: The batch is known to have fewer rows.
    """

    def __init__(self, data: Any, count: int) -> None:
        self.count, self.rows = count, count_rows(data)
        if isinstance(self.rows, int) and self.rows < count:
            raise StrategyError(too_small(count, self.rows))

    def of(self, data: Any) -> list[Any]:
        """Cuts nested tensors of the batch."""
        if self.count == 1:
            return [data]
        return [slice_rows(data, m, self.count, self.rows) for m in range(self.count)]

    def begin(self, micro_batch: int) -> Any:
        """The first row of a micro-batch."""
        return bounds(micro_batch, self.count, self.rows)[0]

    def share(self, micro_batch: int) -> RowShare:
        """What a micro-batch's means weigh in those of the batch."""
        return MicroBatchShare(self, micro_batch)

    def join(self, parts: Sequence[Any]) -> Any:
        """Puts a tensor's micro-batches together, with the mask that Keras keeps beside it."""
        joined = self._joined(parts)
        masks = [keras.src.backend.get_keras_mask(part) for part in parts]
        if None not in masks:
            keras.src.backend.set_keras_mask(joined, self._joined(masks))
        return joined

    def _joined(self, parts: Sequence[Any]) -> Any:
        if len(parts) == 1:
            return tf.identity(parts[0])
        joined = tf.concat(list(parts), axis=0)
        return joined if isinstance(self.rows, int) else joined[: self.rows]


class MicroBatchShare(RowShare):
    """The rows of one micro-batch and of its batch."""

    def __init__(self, batch: MicroBatches, micro_batch: int) -> None:
        begin, end = bounds(micro_batch, batch.count, batch.rows)
        self.rows, self.may_be_empty = end - begin, False
        self.is_copy = None
        if not isinstance(batch.rows, int):
            self.is_copy = tf.logical_and(batch.rows < batch.count, micro_batch > 0)
        rows = self.part(tf.cast(self.rows, tf.float32))
        self.fraction = rows / tf.cast(batch.rows, tf.float32)

    def sum_over_parts(self, tensors: Sequence[Any]) -> list[Any]:
        """Cannot be: later micro-batches have not been computed yet."""
        raise StrategyError(
            "schedule='1f1b' takes each micro-batch's loss before the next one is computed, but a "
            "masked loss, and reduction='mean_with_sample_weight', divide by a number of the "
            "whole batch: use schedule='gpipe', which takes the loss of the whole batch"
        )


def too_small(micro_batches: int, rows: int) -> str:
    """What is said of a batch with fewer rows than micro-batches."""
    return (
        f"micro_batches={micro_batches} needs batches of at least as many rows, and they have "
        f"{rows}: use a larger batch_size or fewer micro_batches"
    )
