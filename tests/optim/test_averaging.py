import numpy as np
import pytest

from tftrain.errors import BadInput
from tftrain.keras_api import keras
from tftrain.optim.averaging import WeightMean, has_batch_statistics, update_batch_statistics

X = np.random.default_rng(0).normal(3.0, 2.0, size=(12, 4)).astype("float32")


def normalizing():
    return keras.Sequential(
        [keras.Input((4,)), keras.layers.BatchNormalization(), keras.layers.Dense(1)]
    )


def test_the_mean_is_that_of_the_weights():
    model, mean, kernels = normalizing(), WeightMean(), []
    for moment in range(5):
        model.layers[-1].kernel.assign(np.full((4, 1), moment**2))
        kernels.append(moment**2)
        mean.add(model)
    mean.assign_to(model)
    assert mean.count == 5
    np.testing.assert_allclose(model.layers[-1].kernel.numpy(), np.mean(kernels))


def test_the_mean_of_nothing_is_refused():
    with pytest.raises(BadInput, match="call add at least once"):
        WeightMean().assign_to(normalizing())


def test_statistics_are_the_mean_over_batches():
    model = normalizing()
    batches = X.reshape(3, 4, 4)
    assert update_batch_statistics(model, batches) == 3
    layer = model.layers[0]
    np.testing.assert_allclose(layer.moving_mean.numpy(), X.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(
        layer.moving_variance.numpy(), batches.var(axis=1).mean(axis=0), rtol=1e-4
    )
    assert layer.momentum == 0.99


def test_a_model_without_statistics_needs_no_batches():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    assert not has_batch_statistics(model)
    assert update_batch_statistics(model, []) == 0


def test_no_batches_are_refused():
    with pytest.raises(BadInput, match="no batches"):
        update_batch_statistics(normalizing(), [])
