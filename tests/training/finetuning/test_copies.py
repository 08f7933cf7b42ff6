"""Copies of models with another head: layers that know more than their weights."""

import numpy as np
import pytest

from tftrain.keras_api import keras, tf
from tftrain.training.finetuning import Settings, prepare

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
