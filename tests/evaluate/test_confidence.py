import numpy as np
import pytest
from scipy import stats

from tftrain.errors import BadInput
from tftrain.evaluate import accuracy_interval


def test_it_is_the_interval_of_scipys_bootstrap():
    right = np.r_[np.ones(270), np.zeros(30)]
    by_scipy = stats.bootstrap(
        (right,), np.mean, n_resamples=4000, method="percentile", random_state=0
    ).confidence_interval
    assert accuracy_interval(270, 300) == pytest.approx((by_scipy.low, by_scipy.high), abs=0.005)


@pytest.mark.parametrize("accuracy", [0.7, 0.95])
def test_it_covers_the_true_accuracy(accuracy):
    random = np.random.default_rng(0)
    found = [
        accuracy_interval(int(right), 400, resamples=2000, seed=seed)
        for seed, right in enumerate(random.binomial(400, accuracy, 500))
    ]
    share = np.mean([low <= accuracy <= high for low, high in found])
    assert 0.92 < share < 0.98


def test_the_seed_decides():
    assert accuracy_interval(90, 100, seed=1) == accuracy_interval(90, 100, seed=1)
    assert accuracy_interval(871, 1000, resamples=50, seed=1) != accuracy_interval(
        871, 1000, resamples=50, seed=2
    )


def test_without_a_single_mistake_the_interval_has_a_width_nevertheless():
    low, high = accuracy_interval(360, 360)
    assert (low, high) == (pytest.approx(0.025 ** (1 / 360)), 1.0)  # so may it miss all 360
    assert accuracy_interval(0, 360) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize(
    "wrong", [(-1, 10), (11, 10), (0, 0), (5, 10, {"resamples": 0}), (5, 10, {"level": 1.0})]
)
def test_numbers_that_are_none_are_refused(wrong):
    right, examples, *settings = wrong
    with pytest.raises(BadInput, match=f"{right} right of {examples}"):
        accuracy_interval(right, examples, **(settings[0] if settings else {}))
