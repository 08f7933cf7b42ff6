"""What a classifier's answers to a test set say: which are right, and at what loss."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from tftrain.errors import EvaluationError
from tftrain.evaluate.checked_answers import true_classes
from tftrain.evaluate.named_metrics import cross_entropy


@dataclasses.dataclass(frozen=True)
class RightAnswers:
    """Which answers to a test set are right.

    Attributes:
        right: Which are, booleans `[N]`.
        loss: Mean cross-entropy, in nats; None if it is not a number.
    """

    right: np.ndarray
    loss: float | None

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return float(self.right.mean())


def right_answers(y: np.ndarray, probabilities: np.ndarray, whose: str) -> RightAnswers:
    """Judges probabilities `[N, K]` against true classes `[N]`.

    Raises:
        EvaluationError: There is no example, there are no such classes, or the two do not fit each
            other.

    Example:
        >>> given = right_answers(np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]]), "a model")
        >>> given.right.tolist(), given.accuracy
        ([True, False], 0.5)
    """
    y, probabilities = true_classes(y, "test "), np.asarray(probabilities)
    if probabilities.ndim != 2 or len(probabilities) != len(y) or y.max() >= probabilities.shape[1]:
        raise EvaluationError(
            [
                f"the answers of {whose} have shape {probabilities.shape}; expected a probability "
                f"for each of at least {y.max() + 1} classes and each of {len(y)} examples"
            ]
        )
    loss = cross_entropy(y, probabilities)
    return RightAnswers(
        right=probabilities.argmax(axis=1) == y, loss=loss if math.isfinite(loss) else None
    )
