"""Calibration by hand, against scikit-learn, and by models whose calibration is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from tftrain.evaluate import calibration, fit_temperature, with_temperature
from tftrain.evaluate.calibration import reliability


def two_classes(confidences):
    return np.array([[1 - each, each] for each in confidences])


def drawn(seed, examples, classes):
    """Probabilities, and true classes drawn from them."""
    random = np.random.default_rng(seed)
    truth = random.dirichlet(np.full(classes, 0.5), examples)
    return (truth.cumsum(axis=1) > random.random((examples, 1))).argmax(axis=1), truth


def test_the_error_by_hand():
    # Of five bins, (0.6, 0.8] holds two examples, one right: |0.5 - 0.75|; (0.8, 1] three, all
    # right: |1 - 0.9|. So 2/5 * 0.25 + 3/5 * 0.1.
    p = two_classes([0.7, 0.8, 0.85, 0.9, 0.95])
    found = calibration(np.array([1, 0, 1, 1, 1]), p, bins=5)
    assert found.error == pytest.approx(0.16)
    assert found.maximum_error == pytest.approx(0.25)
    assert [each.examples for each in found.bins] == [0, 0, 0, 2, 3]
    assert found.bins[0].accuracy is None
    assert (found.temperature, found.error_after, found.bins_after) == (None, None, None)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 200), st.integers(2, 6), st.integers(0, 1000))
def test_the_bins_are_those_of_scikit_learn(examples, classes, seed):
    y, p = drawn(seed, examples, classes)
    right, sure = p.argmax(axis=1) == y, p.max(axis=1)
    accuracy, confidence = calibration_curve(right, sure, n_bins=15)
    filled = [each for each in reliability(y, p) if each.examples]
    np.testing.assert_allclose([each.accuracy for each in filled], accuracy)
    np.testing.assert_allclose([each.confidence for each in filled], confidence)
    assert sum(each.examples for each in filled) == examples


def test_probabilities_of_zero_and_one_have_their_bins():
    found = reliability(np.array([0, 1]), np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert found[-1].examples == 2


@settings(max_examples=15, deadline=None)
@given(st.floats(0.3, 4.0), st.integers(2, 8), st.integers(0, 1000))
def test_a_known_temperature_is_recovered(factor, classes, seed):
    y, truth = drawn(seed, 4000, classes)
    fitted = fit_temperature(y, with_temperature(truth, 1 / factor))
    own = fit_temperature(y, truth)  # 1 but for chance
    assert own == pytest.approx(1, abs=0.15)
    assert fitted == pytest.approx(factor * own, rel=1e-3)


def test_it_is_the_minimum_of_the_cross_entropy():
    y, truth = drawn(1, 500, 4)
    sure = with_temperature(truth, 0.4)
    best = fit_temperature(y, sure)

    def loss(temperature):
        return -np.log(with_temperature(sure, temperature)[np.arange(500), y]).mean()

    assert loss(best) < min(loss(0.98 * best), loss(1.02 * best))


def test_scaling_undoes_itself_and_keeps_the_answers():
    _, p = drawn(2, 50, 5)
    np.testing.assert_allclose(with_temperature(with_temperature(p, 3), 1 / 3), p, atol=1e-9)
    assert (with_temperature(p, 7).argmax(axis=1) == p.argmax(axis=1)).all()


@pytest.mark.parametrize("y", [[1, 1], [0, 0]])
def test_no_temperature_fits_where_there_is_no_minimum(y):
    """All right: the surer the better; all wrong: the less sure the better."""
    assert fit_temperature(np.array(y), two_classes([0.9, 0.8])) is None


def test_a_probability_of_zero_for_the_truth_is_borne():
    y, p = drawn(3, 200, 3)
    p[0] = np.eye(3)[(y[0] + 1) % 3]
    assert fit_temperature(y, p) > 1
