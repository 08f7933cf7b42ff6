"""Single figures of a classifier's quality, by name: scikit-learn's, where it has them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence

import numpy as np

from tftrain.errors import BadInput, EvaluationError, UnknownName
from tftrain.evaluate.calibration import expected_error, reliability

_SMALLEST_PROBABILITY = 1e-7  # what Keras clips to
_TOP = re.compile(r"top_([1-9]\d*)")


@dataclasses.dataclass(frozen=True)
class _Metric:
    """A function of true classes `[N]` and probabilities `[N, K]`, and what it is."""

    compute: Callable[[np.ndarray, np.ndarray], float]
    meaning: str
    needs_two_classes: bool = False


def check_names(names: Sequence[str]) -> None:
    """Raises UnknownName unless all are metrics; BadInput if there is none."""
    if not names:
        raise BadInput(f"no metric is named; known: {', '.join(known())}")
    for name in names:
        if name not in _METRICS and not _TOP.fullmatch(name):
            raise UnknownName("metric", name, _METRICS, also="top_K for any K, as top_3")


def known() -> dict[str, str]:
    """What the metrics mean, by name; besides these there is `top_K`, for any K.

    Example:
        >>> known()["matthews"]
        'correlation of true and predicted classes, -1 to 1'
    """
    return {name: metric.meaning for name, metric in _METRICS.items()}


def metrics(y: np.ndarray, probabilities: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Metrics by name.

    Averages over classes (`macro`) are over those that occur in `y`.

    Args:
        y: True classes `[N]`, integers in `[0, K)`.
        probabilities: `[N, K]`, finite.
        names: Some of `known()`, and `top_1`, `top_2`, ...

    Raises:
        UnknownName: There is no such metric.
        EvaluationError: One needs examples of two classes at least, and these are of one.

    Example:
        >>> y, p = np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
        >>> {name: round(value, 3) for name, value in metrics(y, p, ["f1", "roc_auc"]).items()}
        {'f1': 0.667, 'roc_auc': 1.0}
    """
    check_names(names)
    classes = np.unique(y)
    unfit = [name for name in names if len(classes) < 2 and _is_of_two_classes(name)]
    if unfit:
        raise EvaluationError(
            f"{name} compares classes, and all {len(y)} examples are of class {classes[0]}: "
            "evaluate on examples of two classes or more"
            for name in unfit
        )
    return {name: float(_function(name)(y, probabilities)) for name in names}


def cross_entropy(y: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean negative logarithm of the true classes' probabilities, clipped as Keras does, in nats.

    Example:
        >>> round(cross_entropy(np.array([1]), np.array([[0.5, 0.5]])), 4)
        0.6931
    """
    true_class = np.asarray(probabilities, float)[np.arange(len(y)), y]
    mean = np.log(np.maximum(true_class, _SMALLEST_PROBABILITY)).mean()
    return float(0.0 - mean)  # a perfect answer's is 0, not -0


def top(count: int, y: np.ndarray, probabilities: np.ndarray) -> float:
    """Share of examples whose true class is among the `count` most probable ones."""
    from sklearn.metrics import top_k_accuracy_score

    classes = probabilities.shape[1]
    if count >= classes:
        return 1.0
    if count == 1:  # which scikit-learn decides by a threshold if there are two classes
        return float((probabilities.argmax(axis=1) == y).mean())
    return float(top_k_accuracy_score(y, probabilities, k=count, labels=np.arange(classes)))


def _is_of_two_classes(name: str) -> bool:
    return name in _METRICS and _METRICS[name].needs_two_classes


def _function(name: str) -> Callable[[np.ndarray, np.ndarray], float]:
    if found := _TOP.fullmatch(name):
        return lambda y, probabilities: top(int(found[1]), y, probabilities)
    return _METRICS[name].compute


def _of_answers(name: str, **settings: str) -> Callable[[np.ndarray, np.ndarray], float]:
    """scikit-learn's function of true and predicted classes."""

    def compute(y: np.ndarray, probabilities: np.ndarray) -> float:
        from sklearn import metrics

        if "average" in settings:
            settings_of_set = {**settings, "labels": np.unique(y), "zero_division": 0}
        else:
            settings_of_set = settings
        return getattr(metrics, name)(y, probabilities.argmax(axis=1), **settings_of_set)

    return compute


def _roc_auc(y: np.ndarray, probabilities: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    each = [roc_auc_score(y == present, probabilities[:, present]) for present in np.unique(y)]
    return float(np.mean(each))


def _brier(y: np.ndarray, probabilities: np.ndarray) -> float:
    truth = np.eye(probabilities.shape[1])[y]
    return float(np.square(probabilities - truth).sum(axis=1).mean())


def _calibration_error(y: np.ndarray, probabilities: np.ndarray) -> float:
    return expected_error(reliability(y, probabilities))


_METRICS = {
    "accuracy": _Metric(_of_answers("accuracy_score"), "share of right answers"),
    "precision": _Metric(
        _of_answers("precision_score", average="macro"),
        "share of a class's predictions that are right, mean of the classes",
    ),
    "recall": _Metric(
        _of_answers("recall_score", average="macro"),
        "share of a class's examples that are found, mean of the classes: balanced accuracy",
    ),
    "f1": _Metric(
        _of_answers("f1_score", average="macro"),
        "harmonic mean of a class's precision and recall, mean of the classes",
    ),
    "loss": _Metric(cross_entropy, "cross-entropy, in nats"),
    "brier": _Metric(_brier, "squared error of the probabilities, summed over classes, 0 to 2"),
    "calibration_error": _Metric(_calibration_error, "expected calibration error, 15 bins"),
    "matthews": _Metric(
        _of_answers("matthews_corrcoef"),
        "correlation of true and predicted classes, -1 to 1",
        needs_two_classes=True,
    ),
    "kappa": _Metric(
        _of_answers("cohen_kappa_score"),
        "Cohen's kappa: agreement beyond chance",
        needs_two_classes=True,
    ),
    "roc_auc": _Metric(
        _roc_auc, "area under the ROC curve, each class against the rest, mean", True
    ),
}
