"""Exports are judged in a process that has no Keras, as Serving has none."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tftrain import export, models
from tftrain.errors import ExportError
from tftrain.keras_api import keras

LOAD_WITHOUT_KERAS = """
import sys
sys.modules["keras"] = None
import numpy as np, tensorflow as tf
serve = tf.saved_model.load({folder!r}).signatures["serving_default"]
x = np.load({inputs!r})
np.save({outputs!r}, serve(inputs=tf.constant(x))["outputs"].numpy())
print([serve(inputs=tf.constant(x[:n]))["outputs"].shape[0] for n in (1, 3)])
"""


@pytest.mark.parametrize("name", models.names())
def test_without_keras_the_export_gives_the_model_s_answers(name, tmp_path, python):
    model = models.by_name(name, (8, 8, 1), classes=4)
    x = np.random.default_rng(0).random((5, 8, 8, 1), np.float32)
    np.save(tmp_path / "x.npy", x)
    folder = export.saved_model(model, tmp_path / "base")
    done = python(
        LOAD_WITHOUT_KERAS.format(
            folder=str(folder), inputs=str(tmp_path / "x.npy"), outputs=str(tmp_path / "y.npy")
        )
    )
    assert done.stdout.strip() == "[1, 3]", done.stderr
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected, atol=1e-5)


def test_versions_grow_and_other_names_are_ignored(tmp_path):
    model = models.linear((2,), classes=2)
    (tmp_path / "notes").mkdir()
    (tmp_path / "²").mkdir()
    assert export.saved_model(model, tmp_path).name == "1"
    assert export.saved_model(model, tmp_path, version=7).name == "7"
    assert export.saved_model(model, tmp_path).name == "8"


def test_concurrent_exports_never_collide(tmp_path):
    built = [models.linear((2,), classes=2) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        paths = list(threads.map(lambda model: export.saved_model(model, tmp_path), built))
    assert sorted(path.name for path in paths) == ["1", "2", "3", "4"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2", "3", "4"]


def test_an_existing_version_is_never_replaced(tmp_path):
    (tmp_path / "3").mkdir()
    with pytest.raises(ExportError, match="versions are never replaced"):
        export.saved_model(models.linear((2,), classes=2), tmp_path, version=3)


@pytest.mark.parametrize("version", [0, -1])
def test_a_version_is_positive(tmp_path, version):
    with pytest.raises(ExportError, match="expected a positive integer"):
        export.saved_model(models.linear((2,), classes=2), tmp_path, version=version)


def test_an_unbuilt_model_is_refused(tmp_path):
    with pytest.raises(ExportError, match="is not built"):
        export.saved_model(keras.Sequential([keras.layers.Dense(1)]), tmp_path)


def test_several_inputs_are_refused(tmp_path):
    inputs = [keras.Input((2,)), keras.Input((2,))]
    model = keras.Model(inputs, keras.layers.add(inputs))
    with pytest.raises(ExportError, match="2 inputs"):
        export.saved_model(model, tmp_path)


def test_a_base_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "base").write_text("")
    with pytest.raises(ExportError, match="cannot be made a folder"):
        export.saved_model(models.linear((2,), classes=2), tmp_path / "base")


def test_a_failed_export_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(type(keras.export.ExportArchive()), "write_out", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export.saved_model(models.linear((2,), classes=2), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_low_precision_models_answer_in_float32(tmp_path):
    inputs = keras.Input((2,))
    outputs = keras.layers.Dense(2, dtype="mixed_bfloat16")(inputs)
    folder = export.saved_model(keras.Model(inputs, outputs), tmp_path)
    from tftrain.keras_api import tf

    serve = tf.saved_model.load(folder).signatures["serving_default"]
    assert serve(inputs=tf.ones((1, 2)))["outputs"].dtype == tf.float32
