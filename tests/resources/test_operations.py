"""Floating-point operations: of models, by hand, and of the machine."""

import pytest

from tftrain.keras_api import keras, tf
from tftrain.resources import flops_per_example, peak_flops

L = keras.layers


def counted(layer, *shape, dtype="float32"):
    model = keras.Sequential([keras.Input(shape, dtype=dtype), layer])
    return flops_per_example(model, tf.TensorSpec([None, *shape], dtype))


@pytest.mark.parametrize(
    ("layer", "shape", "forward"),
    [
        (L.Dense(7, use_bias=False), (5,), 2 * 5 * 7),
        (L.Dense(7), (5,), 2 * 5 * 7 + 7),
        (L.Dense(7, use_bias=False), (3, 5), 2 * 3 * 5 * 7),
        (L.Conv2D(4, 3, use_bias=False), (8, 6, 2), 2 * (6 * 4 * 4) * (3 * 3 * 2)),
        (L.Conv2D(4, 3, strides=2, padding="same", use_bias=False), (8, 8, 2), 2 * 64 * 18),
        (L.DepthwiseConv2D(3, use_bias=False), (8, 6, 2), 2 * (6 * 4 * 2) * 9),
        (L.Conv1D(4, 3, use_bias=False), (8, 2), 2 * (6 * 4) * (3 * 2)),
        (L.EinsumDense("abc,cd->abd", (4, 9)), (4, 6), 2 * 4 * 6 * 9),
        (L.EinsumDense("abcd,cde->abe", (3, 9)), (3, 4, 5), 2 * 3 * 4 * 5 * 9),
        (L.Flatten(), (4, 4), 0),
    ],
    ids=lambda each: getattr(each, "name", None),
)
def test_a_step_is_three_times_the_forward_pass(layer, shape, forward):
    assert counted(layer, *shape) == 3 * forward


def test_a_model_of_two_inputs():
    a, b = keras.Input((4,)), keras.Input((3,))
    model = keras.Model([a, b], L.Dense(2, use_bias=False)(L.Concatenate()([a, b])))
    specs = [tf.TensorSpec([None, 4]), tf.TensorSpec([None, 3])]
    assert flops_per_example(model, specs) == 3 * 2 * 7 * 2


def test_attention_is_counted_with_its_products():
    x = keras.Input((6, 8))
    model = keras.Model(x, L.MultiHeadAttention(2, 4, use_bias=False)(x, x))
    projections = 4 * 2 * 6 * 8 * 8
    products = 2 * 2 * 2 * 6 * 6 * 4
    assert flops_per_example(model, tf.TensorSpec([None, 6, 8])) == pytest.approx(
        3 * (projections + products), rel=0.15
    )  # softmax and scale are the rest


@pytest.mark.parametrize("layer", [L.LSTM(3), L.GRU(3)], ids=["LSTM", "GRU"])
def test_loops_hide_what_is_in_them(layer):
    assert counted(layer, 5, 2) is None


def test_an_unrolled_loop_is_counted():
    assert counted(L.LSTM(3, unroll=True), 5, 2) >= 3 * 5 * 2 * (2 + 3) * 12


def test_an_unknown_length_is_not_guessed():
    model = keras.Sequential([keras.Input((None, 4)), L.Dense(2)])
    assert flops_per_example(model, tf.TensorSpec([None, None, 4])) is None


def test_counting_says_nothing(capfd):
    counted(L.Dense(2), 3)
    assert capfd.readouterr() == ("", "")


def test_the_machine_is_measured_once():
    first = peak_flops("float32")
    assert 1e8 < first < 1e18
    assert peak_flops("float32") == first
