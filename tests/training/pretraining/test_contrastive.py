"""Comparing views."""

import numpy as np
import pytest

import tftrain
from tests.training.pretraining.test_masked_autoencoder import encoder
from tftrain.errors import BadInput
from tftrain.keras_api import keras
from tftrain.training import pretraining, transfer_weights


def by_the_formula(pairs, temperature):
    views = np.concatenate([pairs[:, 0], pairs[:, 1]])
    views = views / np.linalg.norm(views, axis=1, keepdims=True)
    count, total = len(pairs), []
    for i in range(2 * count):
        likeness = [np.exp(views[i] @ views[k] / temperature) for k in range(2 * count)]
        others = sum(value for k, value in enumerate(likeness) if k != i)
        total.append(-np.log(likeness[(i + count) % (2 * count)] / others))
    return np.mean(total)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
def test_the_loss_is_that_of_the_paper(temperature):
    pairs = np.random.default_rng(0).normal(size=(5, 2, 3)).astype("float32")
    loss = float(pretraining.nt_xent(temperature)(np.zeros(5), pairs))
    assert loss == pytest.approx(by_the_formula(pairs, temperature), rel=1e-5)


def test_two_views_of_an_image_differ_and_follow_from_the_seed():
    images = pretraining.unlabelled(tftrain.data.load("digits").train.x[:20])
    assert images.y.tolist() == [0] * 20

    def epochs():
        views = pretraining.two_views("crop:1,crop:1")
        batches = tftrain.data.pipeline(images, batch_size=20, seed=3, augment=views)
        return [np.asarray(pair) for _ in range(2) for pair, _ in batches]

    first, second = epochs()
    assert first.shape == (2, 20, 8, 8, 1)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(epochs()[1], second)


def test_it_learns_to_tell_images_apart(tmp_path):
    keras.utils.set_random_seed(0)
    images = pretraining.unlabelled(tftrain.data.load("digits").train.x[:256])
    batches = tftrain.data.pipeline(images, batch_size=32, augment=pretraining.two_views("crop:1"))
    model = pretraining.contrastive(encoder(), dimensions=8, hidden=16)
    model.compile(keras.optimizers.Adam(0.01), pretraining.nt_xent(0.5))
    losses = tftrain.fit(model, batches, epochs=4, verbose=0, engine="fused_epoch").history["loss"]
    assert losses[-1] < losses[0] - 0.1
    target = keras.Sequential([*encoder().layers, keras.layers.Dense(3, name="head")])
    assert transfer_weights(model, target).loaded == ("code_1/kernel", "code_1/bias")
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.loss.temperature == 0.5


@pytest.mark.parametrize("temperature", [0, -1, float("nan")])
def test_an_impossible_temperature_is_refused(temperature):
    with pytest.raises(BadInput, match="expected a positive number"):
        pretraining.nt_xent(temperature)
