"""Exports are loaded and called by C++, with the loader that TensorFlow Serving is built on."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.export.conftest import LABELS
from tftrain.export import example_records
from tftrain.keras_api import tf

SOURCE = Path(__file__).with_name("load_and_call.cc")
LIBRARIES = ("-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("g++") is None, reason="needs the compiler g++"),
    pytest.mark.skipif(sys.platform != "linux", reason="TensorFlow's wheels link so on Linux"),
]


@pytest.fixture(scope="module")
def call(tmp_path_factory):
    """Calls a signature of a SavedModel with a NumPy array; gives the finished process."""
    folder = tmp_path_factory.mktemp("cpp")
    library = tf.sysconfig.get_lib()
    subprocess.run(
        ["g++", "-w", str(SOURCE), "-o", str(folder / "program"), *tf.sysconfig.get_compile_flags(),
         f"-L{library}", f"-Wl,-rpath,{library}", "-Wl,--no-as-needed", *LIBRARIES],
        check=True, timeout=300,
    )  # fmt: skip

    def run(saved_model, signature, array):
        (folder / "input").write_bytes(tf.make_tensor_proto(array).SerializeToString())
        return subprocess.run(
            [folder / "program", saved_model, signature, folder / "input"],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    return run


def outputs_of(done):
    assert done.returncode == 0, done.stderr
    lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
    return dict(lines)


def floats(text):
    return np.array(text.split(), dtype=float)


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def expected(picture_model, pixels):
    return picture_model.predict(pixels / 255.0, verbose=0)


def test_pixels_are_answered_as_the_model_answers(call, picture_export, pixels, expected):
    outputs = outputs_of(call(picture_export, "serving_default", pixels))
    np.testing.assert_allclose(floats(outputs["outputs"]), expected.flatten(), atol=1e-5)
    np.testing.assert_allclose(floats(outputs["score"]), expected.max(axis=1), atol=1e-5)
    assert outputs["label"] == " ".join(LABELS[i] for i in expected.argmax(axis=1))


def test_encoded_pictures_are(call, picture_export, pixels, expected):
    encoded = np.array([tf.io.encode_png(image).numpy() for image in pixels], dtype=object)
    outputs = outputs_of(call(picture_export, "bytes", encoded))
    np.testing.assert_allclose(floats(outputs["outputs"]), expected.flatten(), atol=1e-5)


def test_records_are(call, picture_export, pixels, expected):
    records = [e.SerializeToString() for e in example_records.examples({"inputs": pixels})]
    outputs = outputs_of(call(picture_export, "classify", np.array(records, dtype=object)))
    np.testing.assert_allclose(floats(outputs["scores"]), expected.flatten(), atol=1e-5)


def test_what_tensorflow_alone_writes_of_the_model_fails(call, picture_model, tmp_path):
    tf.saved_model.save(picture_model, str(tmp_path))
    done = call(tmp_path, "serving_default", np.zeros((1, 8, 8, 3), np.float32))
    assert done.returncode == 1
    assert "Could not find variable" in done.stderr
