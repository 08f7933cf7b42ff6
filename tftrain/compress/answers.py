"""How often a classifier is right, over all and for each class."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from tftrain.errors import CompressionError


@dataclasses.dataclass(frozen=True, eq=False)
class Answers:
    """What a classifier's outputs are worth.

    Attributes:
        accuracy: Share of examples whose class is right.
        recall: `[K]`, the same of each class; NaN for a class without examples.
    """

    accuracy: float
    recall: np.ndarray

    def worst_drop(self, baseline: Answers) -> tuple[int, float]:
        """The class that lost most against a baseline, and how much.

        Example:
            >>> before = judge(np.array([0, 0, 1]), np.array([0.1, 0.2, 0.9]))
            >>> judge(np.array([0, 0, 1]), np.array([0.1, 0.7, 0.9])).worst_drop(before)
            (0, 0.5)
        """
        drops = baseline.recall - self.recall
        worst = int(np.nanargmax(drops))
        return worst, float(drops[worst])


def judge(y: Any, outputs: Any) -> Answers:
    """Compares outputs with true classes.

    Args:
        y: True classes `[N]`, or one-hot `[N, K]`.
        outputs: `[N, K]`, the largest of which is the answer; or of a classifier of two classes
            probabilities of class 1, `[N, 1]` or `[N]`.

    Raises:
        CompressionError: They are something else, or do not fit each other.
    """
    truth, outputs = np.asarray(y), _one(outputs)
    columns = outputs.shape[1] if outputs.ndim == 2 else 1
    if truth.ndim == 2:
        truth = truth[:, 0] if truth.shape[1] == 1 else truth.argmax(axis=1)
    if not len(truth) or truth.ndim != 1 or outputs.ndim > 2 or len(outputs) != len(truth):
        raise CompressionError(
            [
                f"true classes of shape {np.shape(y)} and outputs of shape {outputs.shape} do not "
                "fit; expected [N] classes and the [N, K] outputs of a classifier"
            ]
        )
    classes = max(columns, 2)
    _require_classes(truth, classes)
    right = _answers(outputs, columns) == truth
    counts = np.bincount(truth.astype(int), minlength=classes)
    with np.errstate(invalid="ignore"):
        recall = np.bincount(truth.astype(int), right, classes) / counts
    return Answers(float(right.mean()), recall)


def _one(outputs: Any) -> np.ndarray:
    if isinstance(outputs, dict):
        outputs = list(outputs.values())
    if isinstance(outputs, (list, tuple)):
        if len(outputs) != 1:
            raise CompressionError(
                [f"the model has {len(outputs)} outputs; expected a classifier with one"]
            )
        (outputs,) = outputs
    return np.asarray(outputs)


def _answers(outputs: np.ndarray, columns: int) -> np.ndarray:
    if columns > 1:
        return outputs.argmax(axis=1)
    if outputs.min() < 0 or outputs.max() > 1:
        raise CompressionError(
            ["the model's one output is no probability; expected one of class 1, in [0, 1]"]
        )
    return outputs.reshape(len(outputs)) > 0.5


def _require_classes(truth: np.ndarray, classes: int) -> None:
    if truth.dtype.kind not in "iub" and not np.array_equal(truth, truth.astype(int)):
        raise CompressionError(
            [f"true classes are {truth.dtype} that are not whole; expected a classifier's classes"]
        )
    if truth.min() < 0 or truth.max() >= classes:
        raise CompressionError(
            [f"true classes go from {truth.min()} to {truth.max()}; expected 0 to {classes - 1}"]
        )
