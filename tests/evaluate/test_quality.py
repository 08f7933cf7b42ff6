import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tftrain.errors import BadInput
from tftrain.evaluate import quality, worst_mistakes

LABELS = ("cat", "dog", "owl")
Y = np.array([0, 0, 1, 2])
P = np.array([[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.2, 0.5, 0.3], [0.9, 0.05, 0.05]])


def test_figures_by_hand():
    judged = quality(Y, P, LABELS)
    assert judged.accuracy == 0.5
    assert judged.loss == pytest.approx(-np.log([0.8, 0.3, 0.5, 0.05]).mean())
    assert judged.confusion.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert judged.precision.tolist() == [0.5, 0.5, 0.0]
    assert judged.recall.tolist() == [0.5, 1.0, 0.0]
    assert judged.support.tolist() == [2, 1, 1]


def test_a_certain_mistake_has_a_finite_loss():
    assert quality(np.array([0]), np.array([[0.0, 1.0]]), "ab").loss == pytest.approx(16.1, abs=0.1)


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(2, 5), st.integers(0, 1000))
def test_counts_add_up(count, classes, seed):
    random = np.random.default_rng(seed)
    y = random.integers(0, classes, count)
    judged = quality(y, random.dirichlet(np.ones(classes), count), "abcde"[:classes])
    assert judged.confusion.sum() == judged.support.sum() == count
    assert judged.accuracy == pytest.approx(np.trace(judged.confusion) / count)


@pytest.mark.parametrize(("y", "p"), [(Y[:0], P[:0]), (Y, P[:2]), (Y, P[:, :2])])
def test_shapes_that_do_not_fit_are_refused(y, p):
    with pytest.raises(BadInput, match="do not fit"):
        quality(y, p, LABELS)


def test_as_dict_is_json():
    import json

    assert json.loads(json.dumps(quality(Y, P, LABELS).as_dict()))["labels"] == list(LABELS)


def test_worst_mistakes_come_most_confident_first():
    assert worst_mistakes(Y, P, 5).tolist() == [3, 1]
    assert worst_mistakes(Y, P, 1).tolist() == [3]
