"""A small network with a normalization, trained a little, and digits it has not seen."""

import numpy as np
import pytest

from tftrain import data
from tftrain.keras_api import keras

collect_ignore = ["mirrored_job.py"]  # a program that a test starts


def network(classes=5, compiled=True, name="network"):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(12, use_bias=False, name="first"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Dense(12, activation="relu", name="second"),
            keras.layers.Dense(classes, activation="softmax", name="head"),
        ],
        name=name,
    )
    if compiled:
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture(scope="session")
def high_digits():
    """Two hundred images of the digits 5 to 9, with labels from 0."""
    train = data.load("digits").train
    some = np.flatnonzero(train.y >= 5)[:200]
    return data.Examples(train.x[some], train.y[some] - 5)


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    return network()
