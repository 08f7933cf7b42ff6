"""Weights cut by their values."""

import numpy as np
import pytest

from tftrain import models
from tftrain.compress import limit_weights, restrict_weights, threshold_weights
from tftrain.errors import CompressionError
from tftrain.keras_api import keras


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = models.mlp((8,), hidden=(16,), classes=2)
    model.get_layer("hidden_1").bias.assign(np.full(16, 0.9))
    model.compile("adam", "mse")
    return model


CUTS = {
    "limit": (lambda m: limit_weights(m, 0.1), lambda w: np.clip(w, -0.1, 0.1)),
    "restrict": (lambda m: restrict_weights(m, -0.2, 0.1), lambda w: np.clip(w, -0.2, 0.1)),
    "threshold": (
        lambda m: threshold_weights(m, 0.1),
        lambda w: np.where(np.abs(w) < 0.1, 0, w),
    ),
}


@pytest.mark.parametrize(("cut", "expected"), CUTS.values(), ids=CUTS)
def test_kernels_are_cut_and_biases_are_not(model, cut, expected):
    before = model.get_weights()
    copy = cut(model)
    for old, new in zip(before, copy.get_weights(), strict=True):
        np.testing.assert_allclose(new, expected(old) if old.ndim > 1 else old, atol=1e-7)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert copy.compiled


def test_layers_can_be_left_alone(model):
    copy = threshold_weights(model, 10.0, skip=["probabilities"])
    assert not copy.get_layer("hidden_1").kernel.numpy().any()
    np.testing.assert_array_equal(copy.layers[-1].kernel, model.layers[-1].kernel)


@pytest.mark.parametrize("magnitude", [0, -1, float("nan")])
def test_a_magnitude_must_be_positive(model, magnitude):
    for cut in (limit_weights, threshold_weights):
        with pytest.raises(CompressionError, match="expected a positive number"):
            cut(model, magnitude)


def test_a_range_must_not_be_empty(model):
    with pytest.raises(CompressionError, match="expected low below high"):
        restrict_weights(model, 1.0, 1.0)
