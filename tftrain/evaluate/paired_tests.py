"""Whether a difference of accuracies exceeds the noise: tests on the same examples, or over seeds.

Which test answers what: T. G. Dietterich, *Approximate Statistical Tests for Comparing Supervised
Classification Learning Algorithms*, Neural Computation 10, 1998.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tftrain.errors import BadInput

SIGNIFICANCE = 0.05
_NORMAL_97_5 = 1.959963984540054  # of 95% intervals


@dataclasses.dataclass(frozen=True)
class Paired:
    """Two models on the same test set.

    Attributes:
        examples: Size of the test set.
        only_first_right: Examples that the first alone answers rightly.
        only_second_right: Likewise.
        difference: Accuracy of the second less that of the first.
        interval: The difference's, 95%.
        p_value: How likely so unequal counts are, or more unequal, between equally good models.
    """

    examples: int
    only_first_right: int
    only_second_right: int
    difference: float
    interval: tuple[float, float]
    p_value: float


def paired(first_right: np.ndarray, second_right: np.ndarray) -> Paired:
    """McNemar's exact test of two models' right answers, and the interval of their difference.

    Only examples that one of the two gets right count: each is a toss of a coin that is fair if
    both are equally good. With b and c of them, p = 2 sum_{k <= min(b, c)} C(b+c, k) / 2^(b+c),
    at most 1. The interval is that of Agresti and Min: half an example is added to each of the
    four counts, then d +- 1.96 sqrt(b + c - (c - b)^2 / n) / n.

    References: Q. McNemar, *Note on the sampling error of the difference between correlated
    proportions*, Psychometrika 12, 1947. A. Agresti, Y. Min, *Simple improved confidence intervals
    for comparing matched proportions*, Statistics in Medicine 24, 2005.

    Args:
        first_right: Which examples the first model answers rightly, booleans `[N]`.
        second_right: Likewise.

    Raises:
        BadInput: No examples, or not the same number.

    Example:
        >>> tested = paired(np.array([1, 1, 1, 0, 0] * 4) > 0, np.array([1, 1, 0, 0, 0] * 4) > 0)
        >>> tested.only_first_right, tested.only_second_right, tested.p_value
        (4, 0, 0.125)
    """
    from scipy import stats

    first, second = np.asarray(first_right, bool), np.asarray(second_right, bool)
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise BadInput(
            f"right answers of shapes {first.shape} and {second.shape}; expected the same [N], "
            "N at least 1"
        )
    count = len(first)
    lost, won = int((first & ~second).sum()), int((second & ~first).sum())
    p_value = float(stats.binomtest(lost, lost + won).pvalue) if lost + won else 1.0
    return Paired(count, lost, won, (won - lost) / count, _interval(lost, won, count), p_value)


def _interval(lost: int, won: int, count: int) -> tuple[float, float]:
    lost, won, count = lost + 0.5, won + 0.5, count + 2
    middle = (won - lost) / count
    half = _NORMAL_97_5 * math.sqrt(lost + won - (won - lost) ** 2 / count) / count
    return max(middle - half, -1.0), min(middle + half, 1.0)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values of several tests, each multiplied so that one in twenty *sets* of tests is fooled.

    The i-th smallest of m becomes max_{j <= i} (m - j + 1) p_j, at most 1. Nothing is assumed
    about how the tests depend on one another, which all those on one test set do.

    Reference: S. Holm, *A simple sequentially rejective multiple test procedure*, Scandinavian
    Journal of Statistics 6, 1979.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for done, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - done) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def over_seeds(first: Sequence[float], second: Sequence[float]) -> dict[str, Any]:
    """Welch's test of two settings, each trained with several seeds.

    The same number as a seed makes no pair of two trainings that differ in their settings, so
    this is not the paired t-test. Accuracies that do not vary at all, in either, leave nothing to
    measure a difference by: then p is 1 where they are the same and 0 where not.

    Reference: B. L. Welch, *The generalization of Student's problem when several different
    population variances are involved*, Biometrika 34, 1947.

    Args:
        first: Accuracies of the first, one a seed; at least 2.
        second: Of the second.

    Returns:
        `first`, `second`: means; `difference` of them; its 95% `interval`; `p_value`; `trainings`:
        how many of each.

    Raises:
        BadInput: Fewer than two of either.

    Example:
        >>> round(over_seeds([0.97, 0.98, 0.975], [0.96, 0.955, 0.965])["p_value"], 4)
        0.0213
    """
    from scipy import stats

    if min(len(first), len(second)) < 2:
        raise BadInput(f"{len(first)} and {len(second)} seeds; expected at least 2 of each")
    means = float(np.mean(first)), float(np.mean(second))
    difference = means[1] - means[0]
    if np.ptp(first) == np.ptp(second) == 0:
        interval, p_value = (difference, difference), float(difference == 0)
    else:
        tested = stats.ttest_ind(second, first, equal_var=False)
        interval, p_value = tested.confidence_interval(), tested.pvalue
    return {
        "first": means[0],
        "second": means[1],
        "difference": difference,
        "interval": [float(end) for end in interval],
        "p_value": float(p_value),
        "trainings": [len(first), len(second)],
    }


def in_points(difference: float, interval: Sequence[float], examples: int) -> str:
    """A difference of accuracies with its interval, as sentences have it.

    Example:
        >>> in_points(0.004, (-0.001, 0.009), 1000)
        '+0.4 points (-0.1 to +0.9)'
    """
    digits = 1 if examples < 5000 else 2
    shown = [f"{round(100 * value, digits) + 0.0:+.{digits}f}" for value in (difference, *interval)]
    return f"{shown[0]} points ({shown[1]} to {shown[2]})"


def verdict(
    difference: float, interval: Sequence[float], examples: int, p_value: float, adjusted: float
) -> str:
    """Whether a difference exceeds the noise, in words.

    Args:
        difference: Of two accuracies.
        interval: The difference's, of this one comparison.
        examples: Size of the test set.
        p_value: Of this one comparison.
        adjusted: The same, corrected for the number of comparisons, which decides.

    Example:
        >>> verdict(0.004, (-0.001, 0.009), 1000, 0.2, 0.2)
        'the difference of +0.4 points (-0.1 to +0.9) does not exceed the noise'
    """
    does = "exceeds" if adjusted < SIGNIFICANCE else "does not exceed"
    only = p_value < SIGNIFICANCE <= adjusted
    return (
        f"the difference of {in_points(difference, interval, examples)} {does} the noise"
        f"{' of so many comparisons, though it would of one alone' if only else ''}"
    )
