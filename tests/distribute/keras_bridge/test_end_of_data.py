"""Epochs over data of unknown length take as many steps as there are batches."""

import numpy as np
import pytest

from tftrain.distribute.keras_bridge import end_of_data, wrapping
from tftrain.keras_api import keras, tf

pytestmark = pytest.mark.filterwarnings("ignore:Your input ran out of data")
BATCHES, EPOCHS = 5, 3
X = np.random.default_rng(0).normal(size=(BATCHES * 4, 3)).astype("float32")
Y = np.random.default_rng(1).normal(size=(BATCHES * 4, 1)).astype("float32")


def dataset(is_known):
    examples = tf.data.Dataset.from_tensor_slices((X, Y))
    return (examples if is_known else examples.filter(lambda x, y: True)).batch(4)


def trained(data, optimizer="sgd", **compile_options):
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(8), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    )
    model.compile(optimizer, "mse", **compile_options)
    history = model.fit(data, epochs=EPOCHS, verbose=0, shuffle=False).history
    return model, history["loss"]


@pytest.mark.parametrize(
    ("options", "accumulated"),
    [({}, None), ({}, 2), ({"steps_per_execution": 2}, None), ({"jit_compile": True}, None)],
)
def test_a_length_that_is_not_known_changes_nothing(options, accumulated):
    end_of_data.install()
    runs = []
    for is_known in (True, False):
        optimizer = keras.optimizers.AdamW(
            0.01, weight_decay=0.1, gradient_accumulation_steps=accumulated
        )
        model, losses = trained(dataset(is_known), optimizer, **options)
        assert int(model.optimizer.iterations) == BATCHES * EPOCHS // (accumulated or 1)
        runs.append([np.asarray(losses), *model.get_weights()])
    for known, unknown in zip(*runs, strict=True):
        np.testing.assert_array_equal(known, unknown)


def test_canary_keras_counts_a_step_without_a_batch():
    with wrapping.suspended():
        model, _ = trained(dataset(is_known=False))
    assert int(model.optimizer.iterations) == (BATCHES + 1) * EPOCHS
