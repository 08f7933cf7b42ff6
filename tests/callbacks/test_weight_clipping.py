import numpy as np
import pytest

from tftrain.callbacks import WeightClipping
from tftrain.errors import BadInput, CallbackError
from tftrain.keras_api import keras

X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
Y = 9 * X.sum(axis=1, keepdims=True) + 5


def compiled(constraint=None):
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense(4, kernel_constraint=constraint)
    model = keras.Sequential([keras.Input((3,)), dense, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.05), "mse")
    return model


def fit(model, *callbacks):
    model.fit(X, Y, batch_size=8, epochs=3, verbose=0, callbacks=list(callbacks))
    return model.layers[0].kernel.numpy(), model.layers[1].bias.numpy()


def test_kernels_stay_within_a_range_and_biases_do_not():
    kernel, bias = fit(compiled(), WeightClipping(value=(-0.1, 0.2)))
    assert kernel.min() >= -0.1
    assert kernel.max() == pytest.approx(0.2)
    assert np.abs(bias).max() > 0.2


def test_units_stay_within_a_norm():
    kernel, _ = fit(compiled(), WeightClipping(norm=0.5))
    norms = np.linalg.norm(kernel, axis=0)
    assert norms.max() == pytest.approx(0.5, rel=1e-3)


def test_equals_keras_s_own_constraint():
    ours, _ = fit(compiled(), WeightClipping(norm=2.0))
    theirs = compiled(constraint=keras.constraints.MaxNorm(2.0))
    theirs.layers[1].kernel.constraint = keras.constraints.MaxNorm(2.0)
    np.testing.assert_allclose(fit(theirs)[0], ours, rtol=1e-6)


def test_it_acts_in_a_later_fit_and_not_after_it():
    model = compiled()
    fit(model)
    assert np.abs(fit(model, WeightClipping(value=(-0.1, 0.1)))[0]).max() <= 0.1
    assert np.abs(fit(model)[0]).max() > 0.1


def test_a_kernel_with_a_constraint_is_refused():
    with pytest.raises(CallbackError, match=r"dense.*/kernel' has a constraint already"):
        fit(compiled(constraint="non_neg"), WeightClipping(norm=1.0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "expected one of them"),
        ({"value": (0, 1), "norm": 1.0}, "expected one of them"),
        ({"value": (1, -1)}, "low below high"),
        ({"norm": 0.0}, "norm is 0.0; expected a positive number"),
    ],
)
def test_impossible_limits_are_refused(options, message):
    with pytest.raises(BadInput, match=message):
        WeightClipping(**options)
