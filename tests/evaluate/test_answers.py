"""Outputs of all kinds of classifiers as probabilities."""

import numpy as np
import pytest

from tftrain.errors import EvaluationError
from tftrain.evaluate import predict, probabilities
from tftrain.keras_api import keras, tf

X = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
LOGITS = np.array([[2.0, -1.0, 0.5], [0.0, 0.0, 0.0]])


def classifier(units, activation, loss):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units, activation)])
    model.compile(loss=loss)
    return model


def test_logits_are_known_by_the_loss():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = classifier(4, None, loss)
    expected = keras.ops.softmax(model(X)).numpy()
    np.testing.assert_allclose(predict(model, X, 4), expected, rtol=1e-5)


def test_softmax_outputs_stay_as_they_are():
    model = classifier(4, "softmax", "sparse_categorical_crossentropy")
    np.testing.assert_allclose(predict(model, X, 4), model(X).numpy(), rtol=1e-5)


@pytest.mark.parametrize("from_logits", [False, True])
def test_one_output_is_of_the_second_class(from_logits):
    loss = keras.losses.BinaryCrossentropy(from_logits=from_logits)
    model = classifier(1, None if from_logits else "sigmoid", loss)
    outputs = model(X).numpy()[:, 0]
    second = 1 / (1 + np.exp(-outputs)) if from_logits else outputs
    found = predict(model, X, 2)
    np.testing.assert_allclose(found, np.stack([1 - second, second], axis=1), rtol=1e-5)


def test_many_models_do_not_look_like_one_that_is_traced_again(caplog, monkeypatch):
    monkeypatch.setattr(tf.get_logger(), "propagate", True)
    for _ in range(8):
        predict(classifier(4, "softmax", None), X, 4)
    assert not caplog.records


def test_logits_that_nobody_announces_are_refused():
    model = classifier(4, None, "mse")
    with pytest.raises(
        EvaluationError, match=r"no probabilities: they go from -.*from_logits=True"
    ):
        predict(model, X, 4)


def test_independent_sigmoids_are_refused():
    with pytest.raises(EvaluationError, match=r"rows sum to between 1\.5 and 1\.5"):
        probabilities(np.full((2, 3), 0.5), 3)


def test_rounding_to_16_bits_is_made_up_for():
    rounded = np.array([[0.5, 0.25, 0.246]])
    assert probabilities(rounded, 3).sum() == pytest.approx(1, abs=1e-12)


def test_a_row_that_is_not_finite_stays_so():
    found = probabilities(np.array([[0.5, 0.5], [np.nan, 1.0]]), 2)
    assert np.isfinite(found).all(axis=1).tolist() == [True, False]


@pytest.mark.parametrize("shape", [(4, 3), (4, 1), (4,), (4, 2, 2)])
def test_outputs_of_other_classes_are_refused(shape):
    with pytest.raises(EvaluationError, match=r"expected \[N, 5\]"):
        probabilities(np.zeros(shape), 5)


def test_several_outputs_are_refused():
    with pytest.raises(EvaluationError, match="has 2 outputs"):
        probabilities({"a": LOGITS, "b": LOGITS}, 3)
    assert probabilities([LOGITS], 3, from_logits=True)[1] == pytest.approx(1 / 3)
