import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tftrain import text_tables
from tftrain.errors import EvaluationError, UnknownName
from tftrain.evaluate import quality, with_temperature, worst_mistakes

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


def test_without_a_right_answer_examples_are_whole_numbers_still():
    judged = quality(1 - np.arange(4) % 2, np.eye(2)[np.arange(4) % 2], "ab")
    assert [str(count) for count in judged.support] == ["2", "2"]


def test_tables_line_up_whatever_the_labels_are_written_in():
    rows = str(quality(Y, P, ("cat", "\u6570\u5b57", "owl"))).split("\n\n")[1].splitlines()
    assert len({text_tables.width(row) for row in rows}) == 1


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


@pytest.mark.parametrize(
    ("y", "p", "message"),
    [
        (Y[:0], P[:0], "the set is empty"),
        (Y, P[:2], "do not fit"),
        (Y, P[:, :2], r"shape \(4, 2\) for 3 classes"),
        (Y + 1, P, "from 1 to 3; expected integers from 0 to 2"),
        (Y.astype(float), P, "are float64"),
        (Y.astype(str), P, r"are <U21 of shape \(4,\); expected integers"),
        (Y[:, None], P, r"of shape \(4, 1\), the least 0; expected integers"),
        (Y, 9 * P, "are no probabilities"),
    ],
)
def test_what_does_not_fit_is_refused(y, p, message):
    with pytest.raises(EvaluationError, match=message):
        quality(y, p, LABELS)


def test_an_empty_validation_set_is_named():
    with pytest.raises(EvaluationError, match="the validation set is empty"):
        quality(Y, P, LABELS, validation=(Y[:0], P[:0]))


def test_averages_are_over_the_classes_that_are_present():
    judged = quality(Y[:3], P[:3], LABELS)
    assert judged.macro_recall == pytest.approx((0.5 + 1) / 2)
    assert judged.macro_precision == pytest.approx((1 + 0.5) / 2)
    assert judged.notes == ("no example of owl: averages are over the other classes",)


def test_a_set_of_one_class_is_judged_and_told():
    judged = quality(Y[:2], P[:2], LABELS)
    assert judged.accuracy == judged.macro_recall == 0.5
    assert judged.notes[0].startswith("all examples are of class cat")


def test_a_metric_that_compares_classes_is_refused_for_one_class():
    with pytest.raises(EvaluationError, match="roc_auc compares classes, and all 2 examples"):
        quality(Y[:2], P[:2], LABELS, metrics=["f1", "roc_auc"])


def test_an_unknown_metric_is_refused():
    with pytest.raises(UnknownName, match="unknown metric 'acuracy'; did you mean 'accuracy'"):
        quality(Y, P, LABELS, metrics=["acuracy"])


def test_top_k_is_told_where_there_are_more_classes():
    assert quality(Y, P, LABELS).top_k == {}
    four = np.array([[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]])
    assert quality(np.array([3, 1]), four, "abcd").top_k == {"3": 0.5}


def test_a_column_for_the_second_of_two_classes():
    judged = quality(np.array([0, 1, 1]), np.array([0.1, 0.8, 0.4]), "ab")
    assert judged.confusion.tolist() == [[1, 0], [1, 1]]


def test_a_model_that_diverged_is_judged():
    judged = quality(Y, np.where(P > 0.8, np.nan, P), LABELS)
    as_json = json.dumps(judged.as_dict(), allow_nan=False)
    assert json.loads(as_json)["loss"] is None
    assert judged.calibration is None
    assert judged.notes == ("1 of 4 answers are not finite: no loss, no calibration",)


def test_the_temperature_is_fitted_to_the_validation_examples():
    random = np.random.default_rng(0)
    truth = random.dirichlet(np.ones(3), 3000)
    y = (truth.cumsum(axis=1) > random.random((3000, 1))).argmax(axis=1)
    sure = with_temperature(truth, 0.5)
    half = slice(0, 1500), slice(1500, 3000)
    validation = y[half[0]], sure[half[0]]
    found = quality(y[half[1]], sure[half[1]], LABELS, validation=validation).calibration
    assert found.temperature == pytest.approx(2, rel=0.1)
    assert found.error_after < 0.05 < found.error


def test_worst_answers_are_named():
    first = quality(Y, P, LABELS).worst[0]
    assert (first.example, first.label, first.answer) == (3, "owl", "cat")
    assert (first.confidence, first.probability) == pytest.approx((0.9, 0.05))


def test_as_dict_is_json():
    judged = quality(Y, P, LABELS, validation=(Y, P), metrics=["f1"]).as_dict()
    assert json.loads(json.dumps(judged))["labels"] == list(LABELS)


def test_worst_mistakes_come_most_confident_first():
    assert worst_mistakes(Y, P, 5).tolist() == [3, 1]
    assert worst_mistakes(Y, P, 1).tolist() == [3]
