"""Batches of one size in a row, as tensors that a compiled loop slices into batches again."""

from __future__ import annotations

from typing import Any, NamedTuple

from tftrain.keras_api import keras, tf


class Run(NamedTuple):
    """Batches of one size, in order.

    Attributes:
        columns: A structure of tensors `[R, ...]`.
        steps: Number of batches.
        batch_size: Rows of each.
        padded: Whether shapes are the same for every run of this batch size, so that one compiled
            loop serves them all.
        places: Which rows make the batches, `[P]`, in order; None for the first ones as they are.
    """

    columns: Any
    steps: int
    batch_size: int
    padded: bool
    places: Any = None

    def batch(self, index: Any) -> Any:
        """One of the batches; its shape is known where a graph is built."""
        begin = index * self.batch_size
        if self.places is None:
            return rows(self.columns, begin, self.batch_size)
        return gathered(self.columns, rows(self.places, begin, self.batch_size))

    def in_rows(self) -> Run:
        """The same batches with their rows gathered at once."""
        if self.places is None:
            return self
        return self._replace(columns=gathered(self.columns, self.places), places=None)

    def without_first(self) -> list[Run]:
        """The batches but the first one."""
        if self.steps == 1:
            return []
        left = (self.steps - 1) * self.batch_size
        return [
            Run(rows(self.columns, self.batch_size, left), self.steps - 1, self.batch_size, False)
        ]


def rows(columns: Any, begin: Any, count: int) -> Any:
    """So many rows of each column."""

    def part(column: Any) -> Any:
        shape = [count, *column.shape[1:]]
        some = tf.slice(column, [begin] + [0] * (len(shape) - 1), shape)
        return tf.ensure_shape(some, shape)

    return keras.tree.map_structure(part, columns)


def gathered(columns: Any, places: Any) -> Any:
    """The rows of each column at these places."""
    return keras.tree.map_structure(lambda column: tf.gather(column, places), columns)


def padded(columns: Any, count: int) -> Any:
    """The columns with rows of zeros added up to so many rows."""

    def filled(column: Any) -> Any:
        missing = count - int(column.shape[0])
        if not missing:
            return column
        return tf.pad(column, [[0, missing]] + [[0, 0]] * (column.shape.rank - 1))

    return keras.tree.map_structure(filled, columns)
