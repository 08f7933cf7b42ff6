import numpy as np
import pytest

from tftrain import models
from tftrain.errors import EvaluationError, UnknownName
from tftrain.evaluate import precisions
from tftrain.evaluate.answers import predict
from tftrain.keras_api import keras

X = np.random.default_rng(0).random((12, 8, 8, 1)).astype("float32")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return models.mlp((8, 8, 1), hidden=(16,), classes=4)


def test_a_policy_reaches_layers_in_layers_in_models():
    inner = keras.Sequential(
        [keras.Input((3, 8)), keras.layers.Bidirectional(keras.layers.LSTM(4))]
    )
    outer = keras.Sequential([keras.Input((3, 8)), inner, keras.layers.Dense(2)])
    changed = precisions.under_policy(outer, "bfloat16")
    assert {weight.dtype for weight in changed.weights} == {"bfloat16"}
    assert changed.predict(np.ones((1, 3, 8)), verbose=0).dtype == "bfloat16"
    assert outer.weights[0].dtype == "float32"


def test_weights_are_the_same_but_for_rounding(model):
    for own, rounded in zip(
        model.get_weights(), precisions.under_policy(model, "float16").get_weights(), strict=True
    ):
        np.testing.assert_array_equal(own.astype("float16"), rounded)


def test_float32_answers_as_the_model_and_fewer_bits_nearly_so(model):
    cases = precisions.cases(model, X, 4, names=["float32", "bfloat16"], representative=X)
    own, coarse = predict(model, X, 4), cases["bfloat16"]()
    np.testing.assert_allclose(cases["float32"](), own, atol=1e-7)
    assert 0 < np.abs(coarse - own).max() < 0.05
    np.testing.assert_allclose(coarse.sum(axis=1), 1)


def test_a_model_that_cannot_be_built_anew_is_refused():
    class Own(keras.Model):
        def __init__(self, size):
            super().__init__()
            self.dense = keras.layers.Dense(size)

        def call(self, x):
            return self.dense(x)

    own = Own(2)
    own(X[:, 0, :, 0])
    with pytest.raises(EvaluationError, match="cannot be built anew in bfloat16"):
        precisions.under_policy(own, "bfloat16")


def test_an_unknown_precision_is_named(model):
    with pytest.raises(UnknownName, match="did you mean 'bfloat16'"):
        precisions.cases(model, X, 4, names=["float16", "bf16loat"], representative=X)


def test_logits_become_probabilities():
    logits = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(),
                               keras.layers.Dense(3)])  # fmt: skip
    logits.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    (given,) = precisions.cases(logits, X, 3, names=["float32"], representative=X).values()
    np.testing.assert_allclose(given(), predict(logits, X, 3), rtol=1e-6)


def test_what_has_no_integers_is_refused_as_what_cannot_be_measured():
    lost = models.mlp((8, 8, 1), hidden=(16,), classes=4)
    lost.set_weights([np.full_like(weight, np.nan) for weight in lost.get_weights()])
    cases = precisions.cases(lost, X, 4, names=["int8"], representative=X)
    with pytest.raises(EvaluationError, match="NaN"):
        cases["int8"]()
