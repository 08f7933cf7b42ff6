"""Masks and noise in compiled loops: right frequencies, no repetition, reproducible."""

import numpy as np
import pytest
from scipy import stats

import tftrain
from tftrain.keras_api import keras, tf
from tftrain.training import xla_randomness

STEPS, ROWS, UNITS, RATE = 40, 16, 32, 0.3


class Noting(keras.Model):
    """Keeps, for each step, what its random layer makes of ones."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.dense = layer, keras.layers.Dense(1)
        self.noted = tf.Variable(tf.zeros([STEPS, ROWS, UNITS]), trainable=False)

    def call(self, x, training=False):
        noise = self.layer(x, training=training)
        if training:
            self.noted.assign(tf.concat([self.noted[1:], noise[None]], 0))
        return self.dense(noise)


def noise(layer, engine="fused_epoch_xla", seed=4):
    keras.utils.set_random_seed(seed)
    model = Noting(layer())
    model.compile("sgd", "mse")
    x = np.ones((STEPS * ROWS, UNITS), "float32")
    tftrain.fit(model, x, x[:, :1], batch_size=ROWS, engine=engine, verbose=0)
    return model.noted.numpy()


def dropout():
    return keras.layers.Dropout(RATE)


@pytest.fixture(scope="module")
def masks():
    """Of the kept units, [steps, rows, units]."""
    return noise(dropout) > 0


def test_what_is_kept_is_scaled():
    kept = noise(dropout)
    assert np.unique(kept).tolist() == pytest.approx([0, 1 / (1 - RATE)])


def test_units_are_dropped_at_the_rate(masks):
    assert stats.binomtest(int((~masks).sum()), masks.size, RATE).pvalue > 1e-3


def test_drops_are_independent_of_unit_row_and_step(masks):
    dropped = ~masks
    for axes in ((0, 1), (0, 2), (1, 2)):
        counts = dropped.sum(axis=axes)
        trials = masks.size / counts.size
        expected = np.full(counts.size, trials * RATE)
        chi = (((counts - expected) ** 2) / (expected * (1 - RATE))).sum()
        assert stats.chi2.sf(chi, counts.size) > 1e-4


def test_no_step_repeats_another_s_mask(masks):
    assert len({mask.tobytes() for mask in masks}) == STEPS


def test_the_seed_decides(masks):
    np.testing.assert_array_equal(noise(dropout) > 0, masks)
    assert not np.array_equal(noise(dropout, seed=5) > 0, masks)


def test_two_layers_draw_different_masks():
    def two():
        return keras.Sequential([keras.layers.Dropout(0.5), keras.layers.Dropout(0.5)])

    assert (noise(two) > 0).mean() == pytest.approx(0.25, abs=0.02)


def test_noise_is_normal():
    values = noise(lambda: keras.layers.GaussianNoise(0.5)) - 1
    assert stats.kstest(values.ravel(), "norm", args=(0, 0.5)).pvalue > 1e-3


def test_without_xla_masks_are_keras_s_own():
    np.testing.assert_array_equal(noise(dropout, "fused_epoch"), noise(dropout, "keras"))


def test_outside_of_the_block_nothing_is_changed():
    function = tf.random.stateless_uniform
    with xla_randomness.threefry():
        assert tf.random.stateless_uniform is not function
    assert tf.random.stateless_uniform is function
