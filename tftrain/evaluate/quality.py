"""How good a classifier's answers are: accuracy, loss, per class, and which it confuses."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from tftrain.errors import BadInput

_SMALLEST_PROBABILITY = 1e-7  # what Keras clips to


@dataclasses.dataclass(frozen=True)
class Quality:
    """A classifier's quality on one set of examples.

    Attributes:
        accuracy: Share of examples whose most probable class is right.
        loss: Mean cross-entropy, in nats.
        labels: Names of the K classes.
        precision: `[K]`; 0 for a class never predicted.
        recall: `[K]`; 0 for a class never present.
        f1: `[K]`, harmonic mean of the two.
        support: `[K]`, examples of each class.
        confusion: `[K, K]` counts; row: true class, column: predicted class.
    """

    accuracy: float
    loss: float
    labels: tuple[str, ...]
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray
    confusion: np.ndarray

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON can hold it."""
        values = dataclasses.asdict(self)
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in values.items()
        }


def quality(y: np.ndarray, probabilities: np.ndarray, labels: Sequence[str]) -> Quality:
    """Judges predicted probabilities against true classes, with scikit-learn's metrics.

    Args:
        y: True classes `[N]`, integers in `[0, K)`.
        probabilities: `[N, K]`.
        labels: Names of the K classes.

    Raises:
        BadInput: No examples, or shapes that do not fit each other.

    Example:
        >>> judged = quality(np.array([0, 1, 1]), np.array([[.9, .1], [.2, .8], [.6, .4]]), "ab")
        >>> round(judged.accuracy, 3), judged.confusion.tolist()
        (0.667, [[1, 0], [1, 1]])
    """
    from sklearn import metrics

    if len(y) == 0 or probabilities.shape != (len(y), len(labels)):
        raise BadInput(
            f"{len(y)} true classes, probabilities of shape {probabilities.shape} and "
            f"{len(labels)} labels do not fit; expected at least one example, [N, K] and K"
        )
    predicted = probabilities.argmax(axis=1)
    classes = np.arange(len(labels))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        y, predicted, labels=classes, zero_division=0
    )
    true_class = probabilities[np.arange(len(y)), y]
    return Quality(
        accuracy=float(metrics.accuracy_score(y, predicted)),
        loss=float(-np.log(np.maximum(true_class, _SMALLEST_PROBABILITY)).mean()),
        labels=tuple(labels),
        precision=precision,
        recall=recall,
        f1=f1,
        support=support,
        confusion=metrics.confusion_matrix(y, predicted, labels=classes),
    )


def worst_mistakes(y: np.ndarray, probabilities: np.ndarray, count: int) -> np.ndarray:
    """Positions of up to `count` wrong answers, those given with most confidence first.

    Example:
        >>> worst_mistakes(np.array([0, 1, 1]), np.array([[.9, .1], [.7, .3], [.6, .4]]), 5)
        array([1, 2])
    """
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != y)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:count]
