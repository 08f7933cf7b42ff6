"""Whether answers are right as often as their probabilities say, and how to make them so."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from tftrain.evaluate.temperature import fit_temperature, with_temperature

BINS = 15  # as in the paper


@dataclasses.dataclass(frozen=True)
class CalibrationBin:
    """The examples whose largest probability lies in (low, high].

    Attributes:
        low: Exclusive.
        high: Inclusive.
        confidence: Mean of the largest probabilities; None without examples.
        accuracy: Share of right answers; None without examples.
        examples: How many.
    """

    low: float
    high: float
    confidence: float | None
    accuracy: float | None
    examples: int


@dataclasses.dataclass(frozen=True)
class Calibration:
    """How far accuracy and confidence are apart, before and after temperature scaling.

    Attributes:
        error: Expected calibration error: the mean of `|accuracy - confidence|` over the bins,
            weighted by their examples.
        maximum_error: The largest `|accuracy - confidence|` of any bin.
        bins: Of equal width over [0, 1]: the reliability diagram.
        temperature: What log-probabilities are to be divided by, found on the validation
            examples; above 1 the model is too sure. None if it was not, or could not be, found.
        error_after: `error` with the temperature; None without one.
        bins_after: `bins` with the temperature; None without one.
    """

    error: float
    maximum_error: float
    bins: tuple[CalibrationBin, ...]
    temperature: float | None = None
    error_after: float | None = None
    bins_after: tuple[CalibrationBin, ...] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON can hold it."""
        return dataclasses.asdict(self)


def calibration(
    y: np.ndarray,
    probabilities: np.ndarray,
    *,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    bins: int = BINS,
) -> Calibration:
    """Compares how sure a classifier is with how often it is right.

    Args:
        y: True classes `[N]`, integers in `[0, K)`.
        probabilities: `[N, K]`.
        validation: The same two of other examples, to fit the temperature to; never the ones that
            are judged.
        bins: How many.

    Reference: Guo et al., *On Calibration of Modern Neural Networks*, 2017.

    Example:
        >>> sure = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
        >>> found = calibration(np.array([0, 1, 1, 1]), sure, bins=2)
        >>> round(found.error, 4)  # one bin: right in 3 of 4, sure of 0.75
        0.0
        >>> round(calibration(np.array([0, 1, 1, 1]), sure, bins=5).error, 4)  # 0.4 in each of two
        0.4
    """
    found = reliability(y, probabilities, bins)
    temperature = None if validation is None else fit_temperature(*validation)
    before = Calibration(expected_error(found), maximum_error(found), found)
    if temperature is None:
        return before
    after = reliability(y, with_temperature(probabilities, temperature), bins)
    return dataclasses.replace(
        before, temperature=temperature, error_after=expected_error(after), bins_after=after
    )


def reliability(
    y: np.ndarray, probabilities: np.ndarray, bins: int = BINS
) -> tuple[CalibrationBin, ...]:
    """Confidence and accuracy by confidence: scikit-learn's `calibration_curve` with counts."""
    confidence = probabilities.max(axis=1).astype(float)
    right = probabilities.argmax(axis=1) == y
    edges = np.linspace(0, 1, bins + 1)
    places = np.searchsorted(edges[1:-1], confidence)
    counts = np.bincount(places, minlength=bins)
    sure, correct = (np.bincount(places, each, bins) for each in (confidence, right))
    return tuple(
        CalibrationBin(float(low), float(high), of_sure, of_right, int(count))
        for low, high, count, of_sure, of_right in zip(
            edges, edges[1:], counts, _means(sure, counts), _means(correct, counts), strict=False
        )
    )


def expected_error(bins: tuple[CalibrationBin, ...]) -> float:
    """The expected calibration error of a reliability diagram."""
    examples = sum(each.examples for each in bins)
    return sum(each.examples * gap for each, gap in _gaps(bins)) / examples


def maximum_error(bins: tuple[CalibrationBin, ...]) -> float:
    """The maximum calibration error of a reliability diagram."""
    return max(gap for _, gap in _gaps(bins))


def _gaps(bins: tuple[CalibrationBin, ...]) -> list[tuple[CalibrationBin, float]]:
    return [(each, abs(each.accuracy - each.confidence)) for each in bins if each.examples]


def _means(sums: np.ndarray, counts: np.ndarray) -> list[float | None]:
    return [
        float(total / count) if count else None for total, count in zip(sums, counts, strict=True)
    ]
