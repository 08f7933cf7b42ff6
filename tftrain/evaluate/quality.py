"""How good a classifier's answers are: accuracy, loss, per class, and which it confuses."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tftrain.errors import EvaluationError
from tftrain.evaluate import mistakes, named_metrics, quality_tables
from tftrain.evaluate.calibration import Calibration, calibration
from tftrain.evaluate.checked_answers import checked
from tftrain.evaluate.confidence import accuracy_interval
from tftrain.evaluate.mistakes import Mistake

_TOP = (3, 5)
_WORST = 10


@dataclasses.dataclass(frozen=True)
class Quality:
    """A classifier's quality on one set of examples.

    Attributes:
        accuracy: Share of examples whose most probable class is right.
        accuracy_interval: Lower and upper end, that hold the true accuracy in 95 of 100 cases.
        loss: Mean cross-entropy, in nats.
        labels: Names of the K classes.
        precision: `[K]`; 0 for a class never predicted.
        recall: `[K]`; 0 for a class never present.
        f1: `[K]`, harmonic mean of the two.
        support: `[K]`, examples of each class.
        confusion: `[K, K]` counts; row: true class, column: predicted class.
        macro_precision: Mean over the classes that are present; so are the next two.
        macro_recall: Balanced accuracy.
        macro_f1: Mean F1.
        top_k: Share of examples whose class is among the 3 (5) most probable, by "3" ("5"); for
            more classes than that.
        calibration: Of the probabilities; None if some are not finite.
        worst: Up to ten wrong answers, those given with most confidence first.
        metrics: Those that were asked for by name.
        notes: What cannot be told from these examples, and why; a sentence each.
    """

    accuracy: float
    accuracy_interval: tuple[float, float]
    loss: float
    labels: tuple[str, ...]
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray
    confusion: np.ndarray
    macro_precision: float
    macro_recall: float
    macro_f1: float
    top_k: dict[str, float]
    calibration: Calibration | None
    worst: tuple[Mistake, ...]
    metrics: dict[str, float]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return quality_tables.text(self)

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON can hold it; a number that is not finite is None."""
        return _plain(dataclasses.asdict(self))


def quality(
    y: np.ndarray,
    probabilities: np.ndarray,
    labels: Sequence[str],
    *,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    metrics: Sequence[str] = (),
    bootstrap: int = 10_000,
    seed: int = 0,
) -> Quality:
    """Judges predicted probabilities against true classes, with scikit-learn's metrics.

    Args:
        y: True classes `[N]`, integers in `[0, K)`.
        probabilities: `[N, K]`; for two classes also `[N, 1]` or `[N]`, of the second one. Rows
            that are not finite, as of a model that diverged, count as they are ranked, and leave
            the loss NaN.
        labels: Names of the K classes, 2 or more.
        validation: `y` and `probabilities` of other examples, to fit the temperature to.
        metrics: More of them, by the names of `tftrain.evaluate.known_metrics()`.
        bootstrap: Resamples of the accuracy's interval.
        seed: Of the resampling.

    Raises:
        EvaluationError: No examples, shapes that do not fit each other, classes out of range,
            outputs that are no probabilities, or a metric that needs two classes where all
            examples are of one.
        UnknownName: There is no such metric.

    Example:
        >>> judged = quality(np.array([0, 1, 1]), np.array([[.9, .1], [.2, .8], [.6, .4]]), "ab")
        >>> round(judged.accuracy, 3), judged.confusion.tolist()
        (0.667, [[1, 0], [1, 1]])
    """
    from sklearn import metrics as of_sklearn

    if metrics:
        named_metrics.check_names(metrics)
    y, p = checked(y, probabilities, labels)
    if validation is not None:
        validation = checked(*validation, labels, "validation ")
    predicted, classes = p.argmax(axis=1), np.arange(len(labels))
    precision, recall, f1, _ = of_sklearn.precision_recall_fscore_support(
        y, predicted, labels=classes, zero_division=0
    )
    support = np.bincount(y, minlength=len(labels))  # scikit-learn's is float if no answer is right
    is_finite = bool(np.isfinite(p).all())
    if metrics and not is_finite:
        raise EvaluationError(["some answers are not finite: no metrics can be asked for by name"])
    macro = [float(each[support > 0].mean()) for each in (precision, recall, f1)]
    right = int((predicted == y).sum())
    judged = Quality(
        accuracy=right / len(y),
        accuracy_interval=accuracy_interval(right, len(y), resamples=bootstrap, seed=seed),
        loss=named_metrics.cross_entropy(y, p),
        labels=tuple(labels),
        precision=precision,
        recall=recall,
        f1=f1,
        support=support,
        confusion=of_sklearn.confusion_matrix(y, predicted, labels=classes),
        macro_precision=macro[0],
        macro_recall=macro[1],
        macro_f1=macro[2],
        top_k={str(k): named_metrics.top(k, y, p) for k in _TOP if k < len(labels) and is_finite},
        calibration=calibration(y, p, validation=_finite(validation)) if is_finite else None,
        worst=mistakes.described(y, p, tuple(labels), _WORST),
        metrics=named_metrics.metrics(y, p, metrics) if metrics else {},
        notes=(),
    )
    return dataclasses.replace(judged, notes=tuple(_notes(judged, p, validation)))


def _finite(
    validation: tuple[np.ndarray, np.ndarray] | None,
) -> tuple[np.ndarray, np.ndarray] | None:
    return validation if validation is not None and np.isfinite(validation[1]).all() else None


def _notes(
    judged: Quality,
    probabilities: np.ndarray,
    validation: tuple[np.ndarray, np.ndarray] | None,
) -> Iterator[str]:
    lost = int((~np.isfinite(probabilities).all(axis=1)).sum())
    if lost:
        yield f"{lost} of {len(probabilities)} answers are not finite: no loss, no calibration"
    absent = [each for each, count in zip(judged.labels, judged.support, strict=True) if not count]
    if len(absent) == len(judged.labels) - 1:
        only = judged.labels[judged.support.argmax()]
        yield (
            f"all examples are of class {only}: nothing is told of the others, and nothing of how "
            "classes are told apart"
        )
    elif absent:
        yield f"no example of {', '.join(absent)}: averages are over the other classes"
    if judged.calibration and validation and judged.calibration.temperature is None:
        yield "no temperature fits: of the validation answers all are right, or too many wrong"


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
