"""What the signatures of an export answer, beside what Keras answers."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.export.conftest import LABELS
from tftrain import export, models
from tftrain.export import example_records, saved_model_files
from tftrain.keras_api import keras, tf

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
IN_BYTES = np.array([label.encode() for label in LABELS], dtype=object)


def in_file(image, form, **how):
    file = io.BytesIO()
    Image.fromarray(image).save(file, form, **how)
    return file.getvalue()


def test_pixels_are_scaled_and_classes_named(picture_model, picture_signatures):
    found = picture_signatures("serving_default", inputs=PIXELS)
    expected = picture_model(PIXELS / np.float32(255)).numpy()
    np.testing.assert_allclose(found["outputs"], expected, atol=1e-6)
    np.testing.assert_array_equal(found["label"], IN_BYTES[expected.argmax(axis=1)])
    np.testing.assert_allclose(found["score"], expected.max(axis=1), atol=1e-6)


@pytest.mark.parametrize("form", ["PNG", "BMP"])
def test_pictures_in_files_are_as_good_as_pixels(form, picture_signatures):
    files = np.array([in_file(image, form) for image in PIXELS], dtype=object)
    expected = picture_signatures("serving_default", inputs=PIXELS)
    found = picture_signatures("bytes", image_bytes=files)
    np.testing.assert_allclose(found["outputs"], expected["outputs"], atol=1e-6)
    np.testing.assert_array_equal(found["label"], expected["label"])


def test_pictures_of_several_sizes_and_forms_are_one_batch(picture_signatures):
    flat = np.full((30, 20, 3), 200, np.uint8)
    files = [in_file(flat, "JPEG"), in_file(flat[:3, :5], "GIF"), in_file(flat[..., 0], "PNG")]
    found = picture_signatures("bytes", image_bytes=np.array(files, dtype=object))["outputs"]
    expected = picture_signatures("serving_default", inputs=np.full((1, 8, 8, 3), 200, np.uint8))
    np.testing.assert_allclose(found, np.repeat(expected["outputs"], 3, axis=0), atol=0.01)


def test_what_is_no_picture_fails_alone(picture_signatures):
    with pytest.raises(tf.errors.InvalidArgumentError, match="Unknown image file format"):
        picture_signatures("bytes", image_bytes=np.array([b"no picture"], dtype=object))


def test_examples_are_classified(picture_signatures):
    records = [one.SerializeToString() for one in example_records.examples({"inputs": PIXELS})]
    found = picture_signatures("classify", inputs=np.array(records, dtype=object))
    expected = picture_signatures("serving_default", inputs=PIXELS)["outputs"]
    np.testing.assert_allclose(found["scores"], expected, atol=1e-6)
    np.testing.assert_array_equal(found["classes"], np.tile(IN_BYTES, (5, 1)))


def test_methods_are_named_as_serving_names_them(picture_export):
    found = saved_model_files.signature_definitions(picture_export)
    assert {name: one.method_name for name, one in found.items()} == {
        "serving_default": "tensorflow/serving/predict",
        "bytes": "tensorflow/serving/predict",
        "classify": "tensorflow/serving/classify",
    }


def test_the_labels_are_a_file_that_can_be_read(picture_export):
    file = picture_export / "assets" / "labels.txt"
    assert file.read_text(encoding="utf-8").splitlines() == list(LABELS)


def test_an_only_sigmoid_is_two_classes(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="sigmoid")])
    folder = export.saved_model(model, tmp_path, labels=["no", "yes"], verify=False)
    x = np.array([[3.0, -1.0], [-3.0, 1.0]], np.float32)
    yes = model(x).numpy()[:, 0]
    loaded = tf.saved_model.load(folder)
    found = loaded.signatures["serving_default"](inputs=tf.constant(x))
    assert found["label"].numpy().tolist() == [b"yes" if p >= 0.5 else b"no" for p in yes]
    np.testing.assert_allclose(found["score"], np.maximum(yes, 1 - yes), atol=1e-6)
    records = [one.SerializeToString() for one in example_records.examples({"inputs": x})]
    scores = loaded.signatures["classify"](inputs=tf.constant(records))["scores"]
    np.testing.assert_allclose(scores, np.stack([1 - yes, yes], axis=1), atol=1e-6)


def test_one_number_is_regressed(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    loaded = tf.saved_model.load(export.saved_model(model, tmp_path, verify=False))
    x = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    records = [one.SerializeToString() for one in example_records.examples({"inputs": x})]
    found = loaded.signatures["regress"](inputs=tf.constant(records))["outputs"]
    np.testing.assert_allclose(found, model(x).numpy()[:, 0], atol=1e-6)


def test_an_only_output_in_a_dict_keeps_its_name(tmp_path):
    inputs = keras.Input((2,))
    model = keras.Model(inputs, {"chances": keras.layers.Dense(2, "softmax")(inputs)})
    folder = export.saved_model(model, tmp_path, labels=["no", "yes"])
    found = saved_model_files.signature_definitions(folder)
    assert set(found["serving_default"].outputs) == {"chances", "label", "score"}
    assert "classify" in found


def test_classes_without_labels_are_numbered(tmp_path, small_model):
    loaded = tf.saved_model.load(export.saved_model(small_model, tmp_path, verify=False))
    record = example_records.examples({"inputs": np.ones((1, 2), np.float32)})[0]
    found = loaded.signatures["classify"](inputs=tf.constant([record.SerializeToString()]))
    assert found["classes"].numpy().tolist() == [[b"0", b"1"]]


def test_grey_pictures_of_floats_are_from_0_to_1(tmp_path):
    model = models.cnn((8, 8, 1), classes=3)
    loaded = tf.saved_model.load(export.saved_model(model, tmp_path, verify=False))
    grey = PIXELS[:2, :, :, 0]
    files = [in_file(image, "PNG") for image in grey]
    found = loaded.signatures["bytes"](image_bytes=tf.constant(files))["outputs"]
    np.testing.assert_allclose(found, model(grey[..., np.newaxis] / np.float32(255)), atol=1e-6)
