"""The names of classes, in the graph and beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tftrain.errors import ExportError
from tftrain.keras_api import tf

FILE = "labels.txt"
ADDED = ("label", "score")  # what labels add to the outputs


def checked_labels(labels: Sequence[str] | None) -> tuple[str, ...] | None:
    """The labels, once each can be a line of a file.

    Raises:
        ExportError: One cannot, or there are fewer than two.
    """
    if labels is None:
        return None
    if isinstance(labels, (str, bytes)):
        raise ExportError(f"labels is {labels!r}; expected a sequence of names, one a class")
    names = tuple(str(label) for label in labels)
    for place, name in enumerate(names):
        if not name or "\n" in name or "\r" in name:
            raise ExportError(f"label {place} is {name!r}; expected a name in one line")
    if len(names) < 2:
        raise ExportError(f"{len(names)} labels; expected one for each class, two at least")
    return names


def score_columns(outputs: Any) -> Any:
    """Scores by class `[B, K]`: a single column is the second class's, the first has the rest."""
    if outputs.shape[-1] != 1:
        return outputs
    return tf.concat([1.0 - outputs, outputs], axis=-1)


class ClassLabels:
    """Labels as a lookup table, whose content is a file among the SavedModel's assets.

    Args:
        names: One a class.
        folder: Where the file is written; it is copied when the model is saved.
    """

    def __init__(self, names: Sequence[str], folder: Path) -> None:
        file = folder / FILE
        file.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        index = tf.lookup.TextFileIndex
        lines = tf.lookup.TextFileInitializer(
            str(file), tf.int64, index.LINE_NUMBER, tf.string, index.WHOLE_LINE
        )
        self.table = tf.lookup.StaticHashTable(lines, default_value="")
        self._count = len(names)

    def best(self, outputs: Any) -> dict[str, Any]:
        """`label` and `score` `[B]` of the class that has the highest score."""
        scores = score_columns(outputs)
        return {
            "label": self.table.lookup(tf.argmax(scores, axis=-1)),
            "score": tf.reduce_max(scores, axis=-1),
        }

    def every(self, scores: Any) -> Any:
        """The labels of all classes, once a row: `[B, K]`."""
        names = self.table.lookup(tf.range(self._count, dtype=tf.int64))
        return tf.tile(names[tf.newaxis], [tf.shape(scores)[0], 1])


def best_label(names: Sequence[str], outputs: np.ndarray) -> dict[str, np.ndarray]:
    """What `ClassLabels.best` has to give, worked out without a graph."""
    scores = columns(outputs)
    best = scores.argmax(axis=-1)
    return {
        "label": np.array([names[place].encode() for place in best], dtype=object),
        "score": scores.max(axis=-1),
    }


def columns(outputs: np.ndarray) -> np.ndarray:
    """What `score_columns` has to give."""
    if outputs.shape[-1] != 1:
        return outputs
    return np.concatenate([1 - outputs, outputs], axis=-1)
