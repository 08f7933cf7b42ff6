import keras
import numpy as np
import pytest
import tensorflow as tf

from tftrain.distribute.keras_bridge import micro_batch_dropout
from tftrain.distribute.keras_bridge.micro_batch_dropout import micro_batch_rows

CUTS = [(0, 3), (3, 4), (4, 10)]  # first entries of 35, no multiple of four, and others


def dropped(x, **options):
    return keras.random.dropout(x, 0.4, seed=keras.random.SeedGenerator(5), **options).numpy()


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "bfloat16"])
def test_rows_are_dropped_as_in_the_whole_batch(dtype):
    micro_batch_dropout.install()
    x = tf.ones((10, 7, 5), dtype)
    whole, seeds, generator = dropped(x), {}, keras.random.SeedGenerator(5)
    for m, (begin, end) in enumerate(CUTS):
        with micro_batch_rows(m, begin, seeds):
            part = keras.random.dropout(x[begin:end], 0.4, seed=generator)
        np.testing.assert_array_equal(part.numpy(), whole[begin:end])
    assert generator.state.numpy()[1] == 1  # drawn once


def test_a_mask_for_all_rows_is_the_same_for_all():
    micro_batch_dropout.install()
    x = tf.ones((10, 6))
    whole = dropped(x, noise_shape=(1, 6))
    with micro_batch_rows(0, 4, {}):
        np.testing.assert_array_equal(dropped(x[4:9], noise_shape=(1, 6)), whole[4:9])


def test_keras_alone_draws_anew_for_every_part():
    """Canary: fails when Keras's dropout of a part is that of the whole batch."""
    x = tf.ones((10, 7))
    assert not np.array_equal(dropped(x[3:]), dropped(x)[3:])
