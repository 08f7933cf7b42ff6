"""TensorFlow's own tool runs every signature of an export."""

import json

import numpy as np
import pytest

from tests.export.conftest import LABELS
from tftrain import export
from tftrain.keras_api import keras, tf

# The tool can be called once in a process, and importing it takes seconds.
CALLS = """
import json, os, sys
sys.modules["keras"] = None
from tensorflow.python.tools import saved_model_cli
for arguments in json.loads({calls!r}):
    child = os.fork()
    if not child:
        sys.argv = ["saved_model_cli", *arguments]
        saved_model_cli.main()
    if os.waitpid(child, 0)[1]:
        sys.exit(f"failed: {{arguments}}")
"""


@pytest.fixture(scope="module")
def regressor():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def answers(picture_export, regressor, pixels, tmp_path_factory, python):
    """What the tool has found, by signature and name of output."""
    out, base = tmp_path_factory.mktemp("answers"), tmp_path_factory.mktemp("regressor")
    numbers = export.saved_model(regressor, base, verify=False)
    np.save(out / "pixels.npy", pixels)
    np.save(out / "png.npy", np.array([tf.io.encode_png(image).numpy() for image in pixels]))
    examples = [{"inputs": image.flatten().tolist()} for image in pixels]
    given = {
        "serving_default": (picture_export, "--inputs", f"inputs={out}/pixels.npy"),
        "bytes": (picture_export, "--inputs", f"image_bytes={out}/png.npy"),
        "classify": (picture_export, "--input_examples", f"inputs={examples}"),
        "regress": (numbers, "--input_examples", "inputs=[{'inputs': [1.0, 2.0]}]"),
    }
    calls = [
        ["run", "--dir", str(folder), "--tag_set", "serve", "--signature_def", name, *flags,
         "--outdir", str(out / name)]
        for name, (folder, *flags) in given.items()
    ]  # fmt: skip
    done = python(CALLS.format(calls=json.dumps(calls)))
    assert done.returncode == 0, done.stderr
    return {
        path.name: {file.stem: np.load(file, allow_pickle=True) for file in path.iterdir()}
        for path in out.iterdir()
        if path.is_dir()
    }


@pytest.mark.parametrize("signature", ["serving_default", "bytes"])
def test_pictures_are_answered_with_scores_and_labels(signature, answers, picture_model, pixels):
    expected = picture_model.predict(pixels / 255.0, verbose=0)
    np.testing.assert_allclose(answers[signature]["outputs"], expected, atol=1e-5)
    np.testing.assert_allclose(answers[signature]["score"], expected.max(axis=1), atol=1e-5)
    names = [LABELS[place].encode() for place in expected.argmax(axis=1)]
    assert answers[signature]["label"].tolist() == names


def test_records_are_classified(answers, picture_model, pixels):
    expected = picture_model.predict(pixels / 255.0, verbose=0)
    np.testing.assert_allclose(answers["classify"]["scores"], expected, atol=1e-5)
    assert answers["classify"]["classes"].tolist() == [[label.encode() for label in LABELS]] * 2


def test_records_are_answered_with_a_number(answers, regressor):
    expected = regressor.predict(np.array([[1.0, 2.0]]), verbose=0)
    np.testing.assert_allclose(answers["regress"]["outputs"], expected[0], atol=1e-5)
