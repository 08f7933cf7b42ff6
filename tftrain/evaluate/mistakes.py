"""The examples that a classifier gets most wrong."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Mistake:
    """A wrong answer.

    Attributes:
        example: Its position in the set.
        label: The true class's name.
        answer: The name of the class that was given instead.
        confidence: Probability given to that.
        probability: Probability given to the true class.
    """

    example: int
    label: str
    answer: str
    confidence: float
    probability: float


def worst_mistakes(y: np.ndarray, probabilities: np.ndarray, count: int) -> np.ndarray:
    """Positions of up to `count` wrong answers, those given with most confidence first.

    Example:
        >>> worst_mistakes(np.array([0, 1, 1]), np.array([[.9, .1], [.7, .3], [.6, .4]]), 5)
        array([1, 2])
    """
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != y)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:count]


def described(
    y: np.ndarray, probabilities: np.ndarray, labels: tuple[str, ...], count: int
) -> tuple[Mistake, ...]:
    """The same with names and probabilities."""
    found = []
    for place in worst_mistakes(y, probabilities, count):
        row, truth = probabilities[place], y[place]
        answer = row.argmax()
        found.append(
            Mistake(
                int(place), labels[truth], labels[answer], float(row[answer]), float(row[truth])
            )
        )
    return tuple(found)
