"""What comes before the model in the graph, and what of it cannot."""

import numpy as np
import pytest

from tests.export.conftest import from_pixels
from tftrain import export
from tftrain.errors import ExportError
from tftrain.keras_api import keras, tf


def exported(model, base, **how):
    return tf.saved_model.load(
        export.saved_model(model, base, **how, signatures=[], verify=False)
    ).signatures["serving_default"]


@pytest.mark.parametrize(
    "preprocessing",
    [
        from_pixels,
        keras.layers.Rescaling(1 / 255),
        keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 255)]),
        lambda pixels: keras.ops.cast(pixels, "float32") / 255.0,
        tf.function(from_pixels),
    ],
    ids=["function", "layer", "model", "keras_ops", "tf_function"],
)
def test_pixels_may_be_scaled_in_any_way(preprocessing, picture_model, tmp_path):
    serve = exported(picture_model, tmp_path, preprocessing=preprocessing)
    assert serve.structured_input_signature[1]["inputs"].dtype == tf.uint8
    x = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    expected = picture_model(x / np.float32(255))
    np.testing.assert_allclose(serve(inputs=tf.constant(x))["outputs"], expected, atol=1e-6)


def test_texts_are_split_and_looked_up_in_the_graph(tmp_path):
    split = keras.layers.TextVectorization(output_sequence_length=3)
    split.adapt(["good film", "bad film"])
    model = keras.Sequential(
        [keras.Input((3,), dtype="int64"), keras.layers.Embedding(9, 2), keras.layers.Flatten()]
    )
    raw = tf.TensorSpec((None,), tf.string)
    serve = exported(model, tmp_path, preprocessing=split, raw=raw)
    texts = tf.constant(["a good film", "bad"])
    np.testing.assert_array_equal(serve(inputs=texts)["outputs"], model(split(texts)))


def test_several_raw_inputs_become_several_inputs(tmp_path):
    inputs = [keras.Input((2,), name="left"), keras.Input((2,), name="right")]
    model = keras.Model(inputs, keras.layers.Subtract()(inputs))
    raw = {"both": tf.TensorSpec((None, 4)), "scale": tf.TensorSpec((None, 1), tf.int32)}

    def split(given):
        scaled = given["both"] * tf.cast(given["scale"], tf.float32)
        return {"left": scaled[:, :2], "right": scaled[:, 2:]}

    serve = exported(model, tmp_path, preprocessing=split, raw=raw)
    found = serve(both=tf.constant([[5.0, 6, 1, 2]]), scale=tf.constant([[10]]))["outputs"]
    assert found.numpy().tolist() == [[40.0, 40.0]]


def test_a_table_in_a_closure_is_saved_with_the_model(tmp_path, small_model):
    entries = tf.lookup.KeyValueTensorInitializer(["one", "two"], [1.0, 2.0])
    table = tf.lookup.StaticHashTable(entries, default_value=0.0)
    raw = tf.TensorSpec((None, 2), tf.string)
    serve = exported(small_model, tmp_path, preprocessing=lambda words: table[words], raw=raw)
    found = serve(inputs=tf.constant([["one", "two"]]))["outputs"]
    np.testing.assert_allclose(found, small_model(tf.constant([[1.0, 2.0]])), atol=1e-6)


class Hidden:
    """Holds a table where nobody looks."""

    def __init__(self):
        entries = tf.lookup.KeyValueTensorInitializer(["one"], [1.0])
        self.table = tf.lookup.StaticHashTable(entries, default_value=0.0)

    def __call__(self, words):
        return self.table[words]


def test_a_table_that_belongs_to_nobody_is_refused(tmp_path, small_model):
    raw = tf.TensorSpec((None, 2), tf.string)
    with pytest.raises(ExportError, match=r"1 table .* keep it in an attribute of a"):
        export.saved_model(small_model, tmp_path / "base", preprocessing=Hidden(), raw=raw)
    assert not (tmp_path / "base").exists()


def python_in_it(pixels):
    return tf.numpy_function(lambda x: x.astype("float32"), [pixels], tf.float32)


@pytest.mark.parametrize(
    ("preprocessing", "said"),
    [
        (python_in_it, r"needs Python .*\(PyFunc\): write it with functions of TensorFlow"),
        (lambda x: np.asarray(x) / 255, "cannot be traced .*write it with functions"),
        (lambda x: from_pixels(x)[:1], r"makes 1 rows of 3 for 'inputs'"),
        (lambda x: tf.reduce_mean(from_pixels(x), 0, keepdims=True), "gives 1 rows .* whatever"),
        (lambda x: tf.repeat(from_pixels(x), 2, axis=0), "makes 6 rows of 3"),
        (lambda x: tf.image.resize(x, (9, 9)), r"gives \[any, 9, 9, 3\] of float32 .* takes \[any"),
        (lambda x: tf.strings.as_string(x), r"gives \[any, 8, 8, 3\] of string"),
        (lambda x: None, "gives a NoneType"),
        (lambda x: {"other": x}, "a dict of 'other'; expected 'inputs'"),
        (lambda x: tf.ensure_shape(from_pixels(x), (2, 8, 8, 3)), "gives 2 rows"),
        (lambda x: tf.debugging.assert_less(x, 9) or from_pixels(x), "cannot be traced|fails on 3"),
        ("scale", "is 'scale'; expected a function"),
    ],
)
def test_what_cannot_come_before_the_model_is_refused(preprocessing, said, picture_model, tmp_path):
    with pytest.raises(ExportError, match=f"(?s)preprocessing.* {said}"):
        export.saved_model(picture_model, tmp_path / "base", preprocessing=preprocessing)
    assert not (tmp_path / "base").exists()


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (tf.TensorSpec((3, 2)), r"expected None: a batch may have any size, .*\(None, ...\)"),
        (tf.TensorSpec((None, 5)), r"raw gives \[any, 5\] of float32 .*takes \[any, 2\]"),
        (tf.TensorSpec((None, 2), tf.string), "of string .*the model takes"),
        (tf.TensorSpec(None), "expected a tf.TensorSpec of a batch"),
        ((None, 2), "expected a tf.TensorSpec of a batch"),
        ({"x": tf.TensorSpec((None, 2))}, "raw has the inputs x, the model inputs"),
        ({"a b": tf.TensorSpec((None, 2))}, "a name of letters"),
    ],
)
def test_raw_inputs_that_do_not_fit_are_refused(raw, said, small_model, tmp_path):
    with pytest.raises(ExportError, match=said):
        export.saved_model(small_model, tmp_path / "base", raw=raw)
    assert not (tmp_path / "base").exists()


def test_integers_can_be_sent_without_a_preprocessing(tmp_path, small_model):
    serve = exported(small_model, tmp_path, raw=tf.TensorSpec((None, 2), tf.int32))
    expected = small_model(tf.constant([[3.0, 4.0]]))
    np.testing.assert_allclose(serve(inputs=tf.constant([[3, 4]]))["outputs"], expected, atol=1e-6)
