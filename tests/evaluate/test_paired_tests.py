import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tftrain.errors import BadInput
from tftrain.evaluate.paired_tests import (
    holm,
    in_points,
    over_seeds,
    paired,
    verdict,
)

COUNTS = st.integers(0, 40)
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def answers(both, only_first, only_second, neither):
    """Right answers of two models, so many of each kind."""
    first = [True] * (both + only_first) + [False] * (only_second + neither)
    second = [True] * both + [False] * only_first + [True] * only_second + [False] * neither
    return np.array(first), np.array(second)


@settings(deadline=None, max_examples=60)
@given(COUNTS, COUNTS, COUNTS)
def test_the_p_value_is_that_of_tossed_coins(both, only_first, only_second):
    tosses = only_first + only_second
    tails = sum(math.comb(tosses, k) for k in range(min(only_first, only_second) + 1))
    tested = paired(*answers(both, only_first, only_second, 1))
    assert tested.p_value == pytest.approx(min(1, 2 * tails / 2**tosses))
    assert (tested.only_first_right, tested.only_second_right) == (only_first, only_second)


@settings(deadline=None, max_examples=60)
@given(COUNTS, COUNTS, COUNTS)
def test_the_interval_holds_the_difference_and_turns_with_it(both, only_first, only_second):
    first, second = answers(both, only_first, only_second, 1)
    tested, turned = paired(first, second), paired(second, first)
    low, high = tested.interval
    assert -1 <= low <= tested.difference <= high <= 1
    assert turned.difference == -tested.difference
    assert turned.interval == pytest.approx((-high, -low))
    assert turned.p_value == pytest.approx(tested.p_value)


def test_the_interval_by_hand():
    low, high = paired(*answers(80, 4, 12, 4)).interval
    half = 1.959964 * math.sqrt(17 - 8**2 / 102) / 102
    assert (low, high) == pytest.approx((8 / 102 - half, 8 / 102 + half))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.booleans(), min_size=1, max_size=50))
def test_a_model_beside_itself_is_no_difference(right):
    tested = paired(np.array(right), np.array(right))
    assert (tested.difference, tested.p_value) == (0, 1)
    assert tested.interval[0] == -tested.interval[1]


def test_equal_models_are_rarely_told_apart_and_intervals_hold_the_truth():
    random = np.random.default_rng(0)
    found = []
    for _ in range(400):
        kinds = random.choice(4, size=150, p=[0.8, 0.08, 0.08, 0.04])
        found.append(paired(np.isin(kinds, (0, 1)), np.isin(kinds, (0, 2))))
    assert np.mean([tested.p_value < 0.05 for tested in found]) <= 0.05
    assert np.mean([tested.interval[0] <= 0 <= tested.interval[1] for tested in found]) > 0.93


@pytest.mark.parametrize(("first", "second"), [([], []), ([True], [True, False])])
def test_answers_that_make_no_pairs_are_refused(first, second):
    with pytest.raises(BadInput, match="expected the same"):
        paired(np.array(first, bool), np.array(second, bool))


@given(P_VALUES)
def test_holm_by_its_definition(p_values):
    for p_value, adjusted in zip(p_values, holm(p_values), strict=True):
        below = sorted(other for other in p_values if other <= p_value)
        expected = max((len(p_values) - rank) * other for rank, other in enumerate(below))
        assert adjusted == pytest.approx(min(1, expected))


@given(P_VALUES)
def test_corrections_only_raise_and_keep_the_order(p_values):
    adjusted = holm(p_values)
    assert all(p <= a <= 1 for p, a in zip(p_values, adjusted, strict=True))
    assert [adjusted[i] for i in np.argsort(p_values, kind="stable")] == sorted(adjusted)


def test_a_single_test_needs_no_correction():
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


def test_welch_by_hand():
    first, second = [0.90, 0.92, 0.94], [0.95, 0.96, 0.97, 0.98]
    tested = over_seeds(first, second)
    variances = [np.var(each, ddof=1) / len(each) for each in (first, second)]
    t = (np.mean(second) - np.mean(first)) / np.sqrt(sum(variances))
    freedom = sum(variances) ** 2 / (variances[0] ** 2 / 2 + variances[1] ** 2 / 3)
    from scipy import stats

    assert tested["p_value"] == pytest.approx(2 * stats.t.sf(t, freedom))
    half = stats.t.ppf(0.975, freedom) * np.sqrt(sum(variances))
    middle = tested["difference"]
    assert tested["interval"] == pytest.approx([middle - half, middle + half])
    assert tested["trainings"] == [3, 4]


@pytest.mark.parametrize(("second", "p_value"), [([0.9, 0.9], 1.0), ([0.8, 0.8], 0.0)])
def test_seeds_without_any_spread(second, p_value):
    assert over_seeds([0.9, 0.9], second)["p_value"] == p_value


def test_one_seed_is_refused():
    with pytest.raises(BadInput, match="1 and 3 seeds"):
        over_seeds([0.9], [0.9, 0.8, 0.7])


def test_a_verdict_says_when_only_the_correction_decides():
    said = verdict(0.02, (0.01, 0.03), 1000, p_value=0.03, adjusted=0.06)
    assert said.endswith("does not exceed the noise of so many comparisons, though it would of one "
                         "alone")  # fmt: skip
    assert verdict(0.02, (0.01, 0.03), 1000, 0.01, 0.02).endswith("exceeds the noise")


def test_large_test_sets_are_told_more_digits():
    assert in_points(-0.0012, (-0.002, 0.0), 10_000) == "-0.12 points (-0.20 to +0.00)"
