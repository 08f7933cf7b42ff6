"""Metrics by name are those of scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as of_sklearn

from tftrain.errors import BadInput, EvaluationError, UnknownName
from tftrain.evaluate import check_metrics, known_metrics, metrics

RANDOM = np.random.default_rng(0)
P = RANDOM.dirichlet(np.ones(4), 200)
Y = RANDOM.integers(0, 4, 200)
ANSWERS = P.argmax(axis=1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", of_sklearn.accuracy_score(Y, ANSWERS)),
        ("precision", of_sklearn.precision_score(Y, ANSWERS, average="macro")),
        ("recall", of_sklearn.balanced_accuracy_score(Y, ANSWERS)),
        ("f1", of_sklearn.f1_score(Y, ANSWERS, average="macro")),
        ("loss", of_sklearn.log_loss(Y, P)),
        ("matthews", of_sklearn.matthews_corrcoef(Y, ANSWERS)),
        ("kappa", of_sklearn.cohen_kappa_score(Y, ANSWERS)),
        ("roc_auc", of_sklearn.roc_auc_score(Y, P, multi_class="ovr")),
        ("top_2", of_sklearn.top_k_accuracy_score(Y, P, k=2)),
        ("top_1", of_sklearn.accuracy_score(Y, ANSWERS)),
        ("top_9", 1.0),
        ("brier", ((P - np.eye(4)[Y]) ** 2).sum() / 200),
    ],
)
def test_it_is_scikit_learns(name, expected):
    assert metrics(Y, P, [name])[name] == pytest.approx(expected, rel=1e-6)


def test_every_metric_is_a_number_also_where_classes_are_absent():
    few = Y < 2
    found = metrics(Y[few], P[few], [*known_metrics(), "top_2"])
    assert np.isfinite(list(found.values())).all()


def test_of_one_class_those_that_compare_classes_are_refused_together():
    one = Y == 1
    with pytest.raises(EvaluationError) as error:
        metrics(Y[one], P[one], ["accuracy", "roc_auc", "kappa"])
    assert [problem.split()[0] for problem in error.value.problems] == ["roc_auc", "kappa"]
    assert metrics(Y[one], P[one], ["accuracy", "f1", "brier"])["f1"] > 0


@pytest.mark.parametrize("name", ["acuracy", "top_0", "top_", "F1"])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(UnknownName, match=r"Known: accuracy, .*top_K for any K"):
        check_metrics(["f1", name])


def test_no_name_is_refused():
    with pytest.raises(BadInput, match="no metric is named"):
        check_metrics([])
