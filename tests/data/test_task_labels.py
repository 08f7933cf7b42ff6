import numpy as np
import pytest

from tftrain.data import known_labels
from tftrain.errors import BadInput


def test_missing_labels_get_a_weight_of_zero_and_a_number_that_can_be_trained_on():
    given = {"kind": np.array([2, -1, 0], np.int64), "place": [[1, np.nan], [3, 4.0], [5, 6]]}
    labels, weights = known_labels(given)
    assert labels["kind"].tolist() == [2, 0, 0]
    assert labels["kind"].dtype == np.int64
    np.testing.assert_array_equal(labels["place"], [[1, 0], [3, 4], [5, 6]])
    assert {task: weight.tolist() for task, weight in weights.items()} == {
        "kind": [1, 0, 1],
        "place": [0, 1, 1],
    }
    assert all(weight.dtype == np.float32 for weight in weights.values())


def test_of_no_examples_there_are_no_weights():
    _, weights = known_labels({"kind": np.zeros((0,), int), "place": np.zeros((0, 2))})
    assert [weight.shape for weight in weights.values()] == [(0,), (0,)]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"a": [1, 2], "b": [1]}, r"of unlike length: 'a' has \(2,\), 'b' has \(1,\)"),
        ({"a": ["x"]}, "labels of 'a' are <U1 of shape"),
        ({"a": 3}, r"labels of 'a' are int64 of shape \(\)"),
        ({"a": 0.5}, r"labels of 'a' are float64 of shape \(\)"),
    ],
)
def test_what_are_no_labels(labels, said):
    with pytest.raises(BadInput, match=said):
        known_labels(labels)
