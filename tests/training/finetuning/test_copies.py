"""Copies of models with another head: layers that know more than their weights."""

import contextlib

import numpy as np
import pytest

from tftrain.errors import FineTuningError
from tftrain.keras_api import keras, tf
from tftrain.training.finetuning import Settings, prepare, transfer_weights

NUMBERS = np.random.default_rng(0).normal(50, 9, (20, 3)).astype("float32")
TEXTS = np.array([["one two"], ["three"], ["two four"]])


def numbers():
    layer = keras.layers.Normalization()
    layer.adapt(NUMBERS)
    return keras.Input((3,)), layer, NUMBERS


def texts():
    layer = keras.layers.TextVectorization(output_mode="multi_hot")
    layer.adapt(TEXTS)
    return keras.Input((1,), dtype="string"), layer, tf.constant(TEXTS)


@pytest.mark.parametrize("adapted", [numbers, texts])
def test_an_adapted_layer_of_a_copy_does_what_it_learned(adapted):
    entry, layer, given = adapted()
    hidden, head = keras.layers.Dense(4), keras.layers.Dense(3, activation="softmax")
    model = keras.Sequential([entry, layer, hidden, head])
    copy = prepare(model, Settings(classes=2)).model
    assert copy.layers[0] is not layer
    np.testing.assert_array_equal(copy.layers[0](given), layer(given))


@keras.saving.register_keras_serializable("tests")
class Scaled(keras.Model):
    """A layer, and a weight of its own beside it."""

    def __init__(self, **options):
        super().__init__(**options)
        self.inner = keras.layers.Dense(2, name="inner")

    def build(self, shape):
        self.inner.build(shape)
        self.gain = self.add_weight(shape=(2,), name="gain", initializer="random_normal")
        self.built = True

    def call(self, x):
        return self.inner(x) * self.gain


def test_weights_of_a_model_within_are_carried_and_frozen_with_it():
    head = keras.layers.Dense(3, activation="softmax", name="head")
    model = keras.Sequential([keras.Input((3,)), Scaled(name="scaled"), head])
    prepared = prepare(model, Settings(classes=2, freeze="scaled"))
    assert len(prepared.model.trainable_variables) == 2
    assert set(prepared.loading.loaded) == {
        "scaled/inner/kernel",
        "scaled/inner/bias",
        "scaled/gain",
    }
    ours, theirs = (each.layers[0].gain.numpy() for each in (model, prepared.model))
    np.testing.assert_array_equal(ours, theirs)


def test_weights_of_the_model_itself_are_carried_and_cannot_be_frozen():
    one, other = Scaled(), Scaled()
    one.build((None, 3)), other.build((None, 3))
    assert set(transfer_weights(one, other).loaded) == {"gain", "inner/kernel", "inner/bias"}
    np.testing.assert_array_equal(one.gain, other.gain)
    with pytest.raises(FineTuningError, match=r"beside those of its layers \(gain\), which cannot"):
        prepare(one, Settings(freeze=1, loss="mse"))


def test_a_new_head_that_would_never_learn_is_refused():
    layers = [keras.layers.Dense(4, name="hidden"), keras.layers.Dense(3, name="head")]
    model = keras.Sequential([keras.Input((3,)), *layers])
    with pytest.raises(FineTuningError, match="the new head 'head' is frozen in all epochs"):
        prepare(model, Settings(classes=2, freeze="head"))
    assert prepare(model, Settings(classes=2, freeze="head", unfreeze_schedule={1: "*"}))


@pytest.mark.parametrize("in_scope", [True, False])
def test_a_model_made_outside_of_the_strategy_is_copied_into_it(in_scope):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="head")])
    strategy = tf.distribute.OneDeviceStrategy("cpu:0")
    with strategy.scope() if in_scope else contextlib.nullcontext():
        prepared = prepare(model, Settings(), None if in_scope else strategy)
    assert prepared.model._distribute_strategy is strategy
    np.testing.assert_array_equal(prepared.model.get_weights()[0], model.get_weights()[0])
    assert prepare(prepared.model, Settings()).model is prepared.model
    assert prepare(model, Settings()).model is model
