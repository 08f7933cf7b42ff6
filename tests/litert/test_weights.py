"""Numbers read from LiteRT files are those that the models had."""

import numpy as np
import pytest

from tftrain import litert
from tftrain.keras_api import keras
from tftrain.litert.weights import weights_of


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(64, name="wide"), keras.layers.Dense(2, name="narrow")]
    model = keras.Sequential([keras.Input((32,)), keras.layers.Reshape((32,)), *layers])
    wide = model.get_layer("wide").kernel
    wide.assign(np.where(np.abs(wide) < 0.1, 0, wide))
    return model


def test_floats_are_the_models_kernels(model):
    kernels = [w for w in weights_of(litert.convert(model).content).values() if w.ndim == 2]
    for layer in (model.get_layer("wide"), model.get_layer("narrow")):
        expected = layer.kernel.numpy().T
        assert any(w.shape == expected.shape and np.array_equal(w, expected) for w in kernels)


def test_no_shape_is_taken_for_a_weight(model):
    found = weights_of(litert.convert(model).content)
    assert {w.dtype.kind for w in found.values()} == {"f"}


@pytest.mark.parametrize(("mode", "dtype"), [("dynamic", "int8"), ("float16", "float16")])
def test_quantized_weights_are_given_as_stored(model, mode, dtype):
    found = weights_of(litert.convert(model, mode).content)
    (kernel,) = [w for w in found.values() if w.shape == (64, 32)]
    assert kernel.dtype == dtype
    zeros = np.mean(model.get_layer("wide").kernel.numpy() == 0)
    assert np.mean(kernel == 0) == pytest.approx(zeros, abs=0.05)


def test_biases_of_integer_models_are_found(model):
    x = np.random.default_rng(0).normal(size=(50, 32)).astype("float32")
    found = weights_of(litert.convert(model, "int8", x).content)
    assert {w.dtype.name for w in found.values()} >= {"int8"}
    assert sum(w.size for w in found.values()) >= 64 * 32 + 64 * 2
