"""Rates by variable: each must move as it would in an optimizer of that rate alone."""

import numpy as np
import pytest

from tftrain import optim
from tftrain.errors import BadInput
from tftrain.keras_api import keras, tf
from tftrain.optim.layer_rates import LayerRates

GRADIENTS = np.random.default_rng(0).normal(size=(3, 2, 3, 4)).astype("float32")
# Those that count steps; but for nadam, which keeps a product for all variables.
COUNTING = {"adafactor", "adam", "adamax", "lamb", "muon", "schedule_free_adamw"}


def layer(name):
    made = keras.layers.Dense(4, name=name, kernel_initializer=keras.initializers.Constant(0.3))
    made.build((None, 3))
    return made


def step(optimizer, gradients, *kernels):
    optimizer.apply([tf.constant(each) for each in gradients], list(kernels))


@pytest.mark.parametrize("name", optim.names())
def test_each_variable_moves_and_decays_at_its_own_rate(name):
    slow, fast, alone_slow, alone_fast = (layer(each).kernel for each in "abab")
    both = optim.scale_rates(
        optim.optimizer(name, 0.02, weight_decay=0.1), {"a/kernel": 0.25, "b/kernel": 1.0}
    )
    quarter = optim.optimizer(name, 0.005, weight_decay=0.1)
    whole = optim.optimizer(name, 0.02, weight_decay=0.1)
    for gradients in GRADIENTS:
        step(both, gradients, slow, fast)
        step(quarter, gradients[:1], alone_slow)
        step(whole, gradients[1:], alone_fast)
    np.testing.assert_allclose(slow, alone_slow, rtol=1e-6)
    np.testing.assert_allclose(fast, alone_fast, rtol=1e-6)
    assert np.abs(slow.numpy() - 0.3).max() > 0


@pytest.mark.parametrize("name", sorted(COUNTING & {*optim.names()}))
def test_a_variable_that_joins_late_moves_as_at_the_beginning(name):
    late, other, alone = (layer(each).kernel for each in "aba")
    joined = optim.scale_rates(optim.optimizer(name, 0.02), {})
    joined.build([late, other])
    single = optim.optimizer(name, 0.02)
    for gradients in GRADIENTS:
        step(joined, gradients[1:], other)
    joined.begin([late])
    for gradients in GRADIENTS:
        step(joined, gradients, late, other)
        step(single, gradients[:1], alone)
    np.testing.assert_allclose(late, alone, rtol=1e-6)
    assert int(joined.iterations) == 6


def test_the_learning_rate_stays_that_of_the_whole():
    rate = optim.schedule("cosine", 0.1, total_steps=100)
    optimizer = optim.scale_rates(keras.optimizers.SGD(rate), {"a/kernel": 0.5})
    a, b = layer("a").kernel, layer("b").kernel
    step(optimizer, GRADIENTS[0], a, b)
    assert float(optimizer.learning_rate) == pytest.approx(float(rate(1)))
    moved = [0.3 - kernel.numpy() for kernel in (a, b)]
    np.testing.assert_allclose(moved[0] / GRADIENTS[0][0], 0.05, rtol=1e-4)
    np.testing.assert_allclose(moved[1] / GRADIENTS[0][1], 0.1, rtol=1e-4)


def network():
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, name="d")], name="inner")
    return keras.Sequential([inner, keras.layers.Dense(2, name="d")])


@pytest.mark.parametrize("name", ["adam", "adamw", "lars"])
def test_a_loaded_model_has_the_same_rates(name, tmp_path):
    optim.register()
    model = network()
    rates = dict(zip([v.path for v in model.weights], (0.1, 0.2, 0.3, 0.4), strict=True))
    optimizer = optim.scale_rates(optim.optimizer(name, 0.1), rates)
    model.compile(optimizer, "mse")
    optimizer.build(model.trainable_variables)
    optimizer.apply([tf.ones(v.shape) for v in model.trainable_variables])
    optimizer.begin(model.trainable_variables[2:])
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(again.optimizer, LayerRates)
    for each in (model, again):
        each.optimizer.apply([tf.ones(v.shape) for v in each.trainable_variables])
    for ours, theirs in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert again.optimizer.begun == [0, 0, 1, 1]


def test_one_rate_for_all_again():
    scaled = optim.scale_rates(optim.optimizer("adamw", 0.2, weight_decay=0.1), {"a/kernel": 0.5})
    plain = optim.one_rate(scaled)
    assert type(plain) is type(optim.optimizer("adamw", 0.2, weight_decay=0.1))
    assert (float(plain.learning_rate), plain.weight_decay) == (pytest.approx(0.2), 0.1)
    assert optim.one_rate(plain) is plain


def test_loss_scaling_goes_around_it():
    outer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=8.0)
    made = optim.scale_rates(outer, {"a/kernel": 0.5})
    assert isinstance(made.inner_optimizer, LayerRates)
    assert made.initial_scale == 8.0


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_an_impossible_rate_is_refused(rate):
    with pytest.raises(BadInput, match="expected a positive factor"):
        optim.scale_rates(keras.optimizers.SGD(0.1), {"a/kernel": rate})


def test_an_optimizer_at_work_is_refused():
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build([layer("a").kernel])
    with pytest.raises(BadInput, match="is built already: make a new one"):
        optim.scale_rates(optimizer, {})
