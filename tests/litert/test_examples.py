"""Representative data: in whichever form, the same examples come out; what does not fit is told."""

import types

import numpy as np
import pytest

from tftrain import litert
from tftrain.errors import CompressionError
from tftrain.keras_api import tf

X = np.arange(6 * 40, dtype="float64").reshape(40, 6)
Y = np.zeros(40)


@pytest.mark.parametrize(
    "given",
    [
        X,
        (X, Y),
        (X, Y, Y),
        [X],
        types.SimpleNamespace(x=X, y=Y),
        tf.data.Dataset.from_tensor_slices(X).batch(7),
        tf.data.Dataset.from_tensor_slices((X, Y)).batch(7),
    ],
    ids=["array", "x_y", "x_y_weight", "list", "with_x", "dataset", "dataset_x_y"],
)
def test_every_form_gives_the_same_examples(given, sample):
    (array,) = litert.example_inputs(sample("mlp"), given).values()
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, X)


def test_a_few_are_chosen_by_the_seed(sample):
    chosen = [
        litert.example_inputs(sample("mlp"), X, count=10, seed=seed).popitem()[1][:, 0]
        for seed in (0, 0, 1)
    ]
    assert len(set(chosen[0])) == 10
    assert list(chosen[0]) == list(chosen[1]) != list(chosen[2])


def test_examples_of_several_inputs_stay_together(sample):
    x = np.arange(400.0).reshape(100, 4)
    taken = litert.example_inputs(sample("two_inputs"), [x, -x], count=30)
    np.testing.assert_array_equal(taken["zebra"], -taken["ant"])


@pytest.mark.parametrize("kind", ["mlp", "embedding", "dicts"])
def test_made_examples_fit_the_model(kind, sample):
    made = litert.example_inputs(sample(kind))
    assert all(len(array) == 32 for array in made.values())
    assert len({array.tobytes() for array in made.values()}) == len(made)


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("mlp", np.zeros((4, 7)), r"input .* have shape \(4, 7\); expected \[N, 6\]"),
        ("mlp", np.zeros((0, 6)), "hold no example"),
        ("mlp", np.full((4, 6), np.nan), "hold NaN"),
        ("mlp", np.full((4, 6), "a"), "are <U1; expected float32"),
        ("embedding", np.zeros((4, 5), "float32"), "are float32; expected int32"),
        ("mlp", tf.data.Dataset.from_tensor_slices(X).take(0).batch(2), "dataset is empty"),
        ("two_inputs", (np.zeros((4, 4)), np.zeros((4, 4))), r"a tuple is taken for \(x, y\)"),
        ("two_inputs", [np.zeros((4, 4)), np.zeros((5, 4))], "different numbers of examples"),
        ("dicts", {"left": np.zeros((4, 4))}, "a dict of 'left'; expected"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_refused(kind, given, said, sample):
    with pytest.raises(CompressionError, match=said):
        litert.convert(sample(kind), "int8", given)
