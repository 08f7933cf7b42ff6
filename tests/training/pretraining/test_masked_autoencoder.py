"""Repairing images."""

import numpy as np
import pytest

import tftrain
from tftrain.errors import BadInput
from tftrain.keras_api import keras
from tftrain.training import pretraining, transfer_weights

IMAGES = np.random.default_rng(0).random((64, 8, 8, 1), "float32") * 0.5 + 0.5


def encoder():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(16, activation="relu", name="code_1"),
        ],
        name="encoder",
    )


def test_whole_patches_are_blanked_in_training_alone():
    keras.utils.set_random_seed(0)
    mask = pretraining.mask_patches(0.25, 2)
    np.testing.assert_array_equal(mask(IMAGES), IMAGES)
    seen = np.asarray(mask(IMAGES, training=True))
    kept = seen.reshape(64, 4, 2, 4, 2) != 0
    patches = kept.any(axis=(2, 4))
    np.testing.assert_array_equal(patches, kept.all(axis=(2, 4)))
    assert patches.mean() == pytest.approx(0.75, abs=0.05)
    np.testing.assert_allclose(seen[seen != 0], IMAGES[seen != 0], rtol=1e-6)
    assert not np.array_equal(patches[0], patches[1])


def test_it_learns_and_its_encoder_goes_on():
    keras.utils.set_random_seed(0)
    digits = tftrain.data.load("digits").train.x[:256]
    model = pretraining.masked_autoencoder(encoder(), patch=2, noise=0.1, hidden=32)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    losses = tftrain.fit(model, digits, digits, epochs=4, verbose=0, engine="fused_epoch").history[
        "loss"
    ]
    assert losses[-1] < 0.8 * losses[0]
    target = keras.Sequential([*encoder().layers, keras.layers.Dense(3, name="head")])
    assert transfer_weights(model, target).loaded == ("code_1/kernel", "code_1/bias")


def test_a_file_holds_all_of_it(tmp_path):
    model = pretraining.masked_autoencoder(encoder(), patch=4)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(IMAGES), model(IMAGES), atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"patch": 3}, "patch is 3; expected a side that divides 8 and 8"),
        ({"patch": 0}, "patch is 0"),
        ({"share": 1.0}, "share is 1.0; expected at least 0 and less than 1"),
        ({"noise": -1}, "noise is -1; expected 0 or a positive number"),
        ({"share": 0, "noise": 0}, "nothing is to be repaired"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(BadInput, match=message):
        pretraining.masked_autoencoder(encoder(), **settings)


def test_an_encoder_of_no_images_is_refused():
    flat = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)])
    with pytest.raises(BadInput, match=r"the encoder takes \(8,\); expected images"):
        pretraining.masked_autoencoder(flat)
