"""Clipping by a callback, in real trainings of a few steps."""

import numpy as np
import pytest

from tftrain import optim
from tftrain.callbacks import GradientClipping, GradientStatistics
from tftrain.errors import CallbackError
from tftrain.keras_api import keras, tf

X = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
Y = 5 * X.sum(axis=1, keepdims=True)
WAYS = [
    ("value", "clipvalue", 0.3),
    ("norm", "clipnorm", 0.5),
    ("global_norm", "global_clipnorm", 1),
]


def compiled(optimizer, **options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1, name="out")]
    )
    model.compile(optimizer, "mse", **options)
    return model


def fit(model, *callbacks, epochs=2):
    return model.fit(
        X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, callbacks=list(callbacks)
    ).history


def assert_equal(first, second):
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("by", "argument", "limit"), WAYS)
@pytest.mark.parametrize("accumulate", [None, 2])
def test_trains_as_keras_s_own_clipping_does(by, argument, limit, accumulate):
    ours = compiled(optim.optimizer("adam", 0.1, accumulate=accumulate))
    history = fit(ours, GradientClipping(by, limit))
    theirs = compiled(optim.optimizer("adam", 0.1, accumulate=accumulate, **{argument: limit}))
    fit(theirs)
    assert_equal(ours, theirs)
    assert min(history["gradient_norm"]) > limit
    assert all(0 < share <= 1 for share in history["clipped_share"])


def test_acts_within_several_steps_an_execution_and_eagerly():
    plain, several, eager = (
        compiled(keras.optimizers.SGD(0.1), **options)
        for options in ({}, {"steps_per_execution": 3}, {"run_eagerly": True})
    )
    norms = [fit(m, GradientClipping("global_norm:0.5")) for m in (plain, several, eager)]
    assert_equal(plain, several)
    assert_equal(plain, eager)
    for other in norms[1:]:
        assert other["gradient_norm"] == pytest.approx(norms[0]["gradient_norm"], rel=1e-5)


def test_a_scaled_loss_is_unscaled_first():
    ours, theirs = (
        compiled(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1, **options)))
        for options in ({}, {"global_clipnorm": 0.5})
    )
    history = fit(ours, GradientClipping("global_norm", 0.5))
    fit(theirs)
    assert_equal(ours, theirs)
    assert max(history["gradient_norm"]) < 1000  # the scale is 32,768


def test_a_model_that_trained_already_is_clipped_from_now_on_and_not_after():
    model, reference = compiled(keras.optimizers.SGD(0.1)), compiled(keras.optimizers.SGD(0.1))
    for trained in (model, reference):
        fit(trained)
    fit(model, GradientClipping("value", 1e-9))
    np.testing.assert_allclose(model.get_weights()[0], reference.get_weights()[0], atol=1e-6)
    fit(model, epochs=1)
    fit(reference, epochs=1)
    assert_equal(model, reference)
    assert "_clip_gradients" not in vars(model.optimizer)


def test_excluded_variables_keep_their_gradient():
    free, excluded = compiled(keras.optimizers.SGD(0.1)), compiled(keras.optimizers.SGD(0.1))
    fit(free, epochs=1)
    fit(excluded, GradientClipping("adaptive", 1e-9, exclude=["out/"]), epochs=1)
    start = compiled("sgd").get_weights()
    moved = [np.abs(a - b).max() for a, b in zip(excluded.get_weights(), start, strict=True)]
    assert max(moved[:2]) < 1e-6 < 1e-2 < min(moved[2:])


@pytest.mark.parametrize(("by", "argument", "limit"), WAYS)
def test_clipping_twice_is_refused(by, argument, limit):
    model = compiled(keras.optimizers.SGD(0.1, **{argument: limit}))
    with pytest.raises(CallbackError, match=f"the optimizer's {argument}={limit} would clip twice"):
        fit(model, GradientClipping(by, limit))


def test_two_callbacks_are_refused():
    with pytest.raises(CallbackError, match="would clip twice"):
        fit(compiled("sgd"), GradientClipping("norm:1"), GradientClipping("value:1"))


class Interrupt(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


@pytest.mark.parametrize("again", ["same", "other"])
def test_after_an_interruption_only_the_callbacks_of_the_new_fit_act(again):
    model, reference = compiled(keras.optimizers.SGD(0.1)), compiled(keras.optimizers.SGD(0.1))
    first = GradientClipping("value", 0.1)
    with pytest.raises(KeyboardInterrupt):
        fit(model, first, Interrupt())
    fit(reference, GradientClipping("value", 0.1), epochs=1)
    next_one = first if again == "same" else GradientClipping("value", 0.1)
    assert fit(model, next_one) == fit(reference, GradientClipping("value", 0.1))
    assert_equal(model, reference)


class OwnStep(keras.Model):
    """A model whose step moves its weights past the optimizer."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x=x, y=y, y_pred=self(x))
        gradients = tape.gradient(loss, self.trainable_weights)
        for v, g in zip(self.trainable_weights, gradients, strict=True):
            v.assign_sub(0.1 * g)
        return {"loss": loss}


@pytest.mark.parametrize("callback", [GradientClipping("norm:1"), GradientStatistics()])
def test_a_step_that_it_cannot_act_on_is_an_error(callback):
    model = OwnStep()
    model.compile("sgd", "mse")
    with pytest.raises(CallbackError, match="has no effect"):
        fit(model, callback)


def test_replicas_of_an_unrepaired_strategy_are_refused(forked):
    done = forked(
        "import tensorflow as tf, keras\n"
        "from tftrain.callbacks import GradientClipping\n"
        "cpu = tf.config.list_physical_devices('CPU')[0]\n"
        "two = [tf.config.LogicalDeviceConfiguration()] * 2\n"
        "tf.config.set_logical_device_configuration(cpu, two)\n"
        "with tf.distribute.MirroredStrategy(['CPU:0', 'CPU:1']).scope():\n"
        "    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])\n"
        "    model.compile('sgd', 'mse')\n"
        "x = tf.zeros((4, 1))\n"
        "model.fit(x, x, verbose=0, callbacks=[GradientClipping('norm:1')])\n"
    )
    assert "CallbackError: GradientClipping would see the gradient of each replica" in done.stderr
