import pickle

import numpy as np
import pytest

from tftrain import litert
from tftrain.errors import BadInput
from tftrain.keras_api import keras, tf


@pytest.fixture
def x():
    return np.random.default_rng(1).normal(size=(37, 6)).astype("float32")


def test_any_number_of_examples_is_predicted(x, sample, lite):
    expected = sample("mlp").predict(x, verbose=0)
    for batch_size in (1, 32, 64):
        found = lite("mlp").predict(x, batch_size)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_batch_of_fixed_size_is_hidden(x, lite, sample):
    expected = np.concatenate([sample("fixed_batch")(x[i : i + 4]) for i in range(0, 36, 4)])
    found = lite("fixed_batch").predict(x)
    assert found.shape == (37, 3)
    np.testing.assert_allclose(found[:36], expected, atol=1e-6)


def test_recurrent_models_run_one_by_one(sample, lite):
    x = np.random.default_rng(0).normal(size=(7, 5, 3)).astype("float32")
    ((shape, _),) = lite("lstm").inputs.values()
    assert shape == (1, 5, 3)
    np.testing.assert_allclose(
        lite("lstm").predict(x), sample("lstm").predict(x, verbose=0), atol=1e-5
    )


def test_free_axes_take_any_size():
    inputs = keras.Input((None, None, 1))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 3)(inputs))
    model = keras.Model(inputs, pooled)
    lite = litert.convert(model)
    for shape in ((2, 8, 9, 1), (3, 5, 4, 1)):
        x = np.random.default_rng(0).normal(size=shape).astype("float32")
        np.testing.assert_allclose(lite.predict(x), model.predict(x, verbose=0), atol=1e-5)


def test_inputs_alike_in_shape_are_told_apart_by_name(sample, lite):
    first, second = np.full((2, 4), 10.0), np.ones((2, 4))
    for x in ([first, second], {"zebra": first, "ant": second}):
        np.testing.assert_array_equal(lite("two_inputs").predict(x), np.full((2, 4), 8.0))


def test_lists_of_outputs_keep_their_order(sample, lite):
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    found = lite("two_outputs").predict(x)
    assert isinstance(found, list)
    for one, other in zip(found, sample("two_outputs").predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_dicts_come_and_go_by_their_keys(sample, lite):
    random = np.random.default_rng(0)
    x = {name: random.normal(size=(3, 4)).astype("float32") for name in ("left", "right")}
    found, expected = lite("dicts").predict(x), sample("dicts").predict(x, verbose=0)
    assert set(found) == {"up", "down"}
    for name in found:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-6)


def test_integer_ends_are_fed_and_read_as_floats(x, sample):
    lite = litert.convert(sample("mlp"), "int8", x, integer_io=True)
    found = lite.predict(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, sample("mlp").predict(x, verbose=0), atol=0.05)


def test_a_file_keeps_all_of_it(tmp_path, lite):
    x = {"zebra": np.full((2, 4), 10.0), "ant": np.ones((2, 4))}
    path = lite("two_inputs").save(tmp_path / "deep" / "model.tflite")
    loaded = litert.LiteModel.load(path, threads=2)
    assert loaded.size == path.stat().st_size == lite("two_inputs").size
    np.testing.assert_array_equal(loaded.predict([x["zebra"], x["ant"]]), np.full((2, 4), 8.0))


def test_threads_change_nothing_but_the_speed(x, lite):
    several = litert.LiteModel(lite("mlp").content, threads=2)
    assert several.threads == 2
    np.testing.assert_allclose(several.predict(x), lite("mlp").predict(x), atol=1e-6)


def test_a_model_can_be_pickled(x, lite):
    copy = pickle.loads(pickle.dumps(lite("mlp")))
    np.testing.assert_array_equal(copy.predict(x), lite("mlp").predict(x))


def test_files_of_other_converters_are_read_by_names(sample):
    module = tf.Module()
    module.scale = tf.Variable(3.0)
    serve = tf.function(lambda a, b: {"sum": a + b * module.scale}).get_concrete_function(
        a=tf.TensorSpec((None, 2), name="a"), b=tf.TensorSpec((None, 2), name="b")
    )
    content = tf.lite.TFLiteConverter.from_concrete_functions([serve], module).convert()
    foreign = litert.LiteModel(content)
    assert set(foreign.inputs) == {"a", "b"}
    np.testing.assert_array_equal(
        foreign.predict({"a": np.ones((2, 2)), "b": np.ones((2, 2))}), np.full((2, 2), 4.0)
    )


@pytest.mark.parametrize("content", [b"", b"not a model at all", b"\x1c\0\0\0TFL3" + b"\xff" * 60])
def test_what_is_no_model_is_refused(content, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"model\.tflite: this"):
        litert.LiteModel.load(path)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9, 0.999])
def test_a_file_cut_short_is_refused(share, tmp_path, lite):
    content = lite("cnn").content
    with pytest.raises(BadInput, match="damaged"):
        litert.LiteModel(content[: int(len(content) * share)])


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        litert.LiteModel.load(tmp_path / "none.tflite")


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (np.zeros((2, 5)), r"shape \(2, 5\); expected \[N, 6\]"),
        (np.zeros(6), r"shape \(6,\); expected \[N, 6\]"),
        (np.zeros((0, 6)), "no example"),
        (np.full((1, 6), "a"), "is <U1; expected float32"),
        ([np.zeros((1, 6)), np.zeros((1, 6))], "shape"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(x, said, lite):
    with pytest.raises(BadInput, match=said):
        lite("mlp").predict(x)


@pytest.mark.parametrize(
    ("x", "said"),
    [
        ([np.zeros((1, 4))], r"inputs are a list of 1; expected \['zebra', 'ant'\]"),
        (np.zeros((1, 4)), "inputs are one ndarray"),
        ({"zebra": np.zeros((1, 4))}, "a dict of 'zebra'"),
        ([np.zeros((1, 4)), np.zeros((2, 4))], "different numbers of examples"),
    ],
)
def test_several_inputs_must_all_be_there(x, said, lite):
    with pytest.raises(BadInput, match=said):
        lite("two_inputs").predict(x)


def test_counts_are_positive(lite, x):
    with pytest.raises(BadInput, match="threads is 0; expected at least 1"):
        litert.LiteModel(lite("mlp").content, threads=0)
    with pytest.raises(BadInput, match="batch_size is 0; expected at least 1"):
        lite("mlp").predict(x, batch_size=0)
