"""Heads and losses: what a model answers, and with what that is compared."""

import numpy as np
import pytest

from tftrain import training
from tftrain.errors import FineTuningError
from tftrain.keras_api import keras
from tftrain.training.finetuning import Settings, prepare

RANDOM = np.random.default_rng(0)
ROWS, IMAGES = RANDOM.random((8, 4), "float32"), RANDOM.random((8, 4, 4, 1), "float32")
LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)


def network(*answer, loss=None):
    layers = [keras.Input((4,)), keras.layers.Dense(3, name="hidden"), *answer]
    return compiled(keras.Sequential(layers), loss)


def compiled(model, loss):
    if loss:
        model.compile("sgd", loss)
    return model


def dense(units, activation=None):
    return keras.layers.Dense(units, activation=activation, name="head")


@pytest.mark.parametrize(
    ("answer", "logits"),
    [
        ([dense(3)], True),
        ([dense(3, "softmax")], False),
        ([dense(3), keras.layers.Softmax()], False),
        ([dense(3), keras.layers.Activation("softmax")], False),
        ([dense(1), keras.layers.Activation("sigmoid")], False),
    ],
)
def test_the_loss_of_a_model_that_was_not_compiled_knows_what_are_logits(answer, logits):
    loss = prepare(network(*answer), Settings(classes=2)).model.loss
    assert loss.get_config()["from_logits"] is logits


@pytest.mark.parametrize(
    "model",
    [
        network(dense(1, "sigmoid"), loss="binary_crossentropy"),
        network(dense(1), loss=LOGITS),
        network(dense(1), keras.layers.Activation("sigmoid"), loss="binary_crossentropy"),
    ],
)
def test_one_number_goes_on_telling_between_two_classes(model):
    assert prepare(model, Settings(classes=2)).model.output_shape == (None, 1)
    with pytest.raises(FineTuningError, match="which tells between 2"):
        prepare(model, Settings(classes=5))


def test_classes_as_numpy_counts_them():
    assert prepare(network(dense(3)), Settings(classes=np.int64(5))).model.output_shape == (None, 5)


def several():
    return network(dense(3, "sigmoid"), loss="binary_crossentropy"), ROWS, np.eye(3)[[0, 1] * 4]


def pixels():
    layers = [keras.Input((4, 4, 1)), keras.layers.Conv2D(2, 1), keras.layers.Conv2D(3, 1)]
    model = compiled(keras.Sequential(layers), "sparse_categorical_crossentropy")
    return model, IMAGES, RANDOM.integers(0, 3, (8, 4, 4))


def a_column():
    return network(dense(3)), ROWS, np.array([[0], [1]] * 4)


@pytest.mark.parametrize("task", [several, pixels, a_column])
def test_labels_of_many_forms_are_learned_from(task):
    model, x, y = task()
    tuned = training.finetune(model, (x, y), freeze=-1, epochs=1, verbose=0, engine="keras")
    assert np.isfinite(tuned.history.history["loss"][0])


def test_a_loss_that_cannot_be_guessed_is_asked_for():
    entry = keras.Input((4,))
    two = keras.Model(entry, [keras.layers.Dense(2)(entry), keras.layers.Dense(1)(entry)])
    convolution = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(2, 1)])
    for model in (two, convolution):
        with pytest.raises(FineTuningError, match=r"is not compiled, and has .*: give loss"):
            prepare(model, Settings())
