"""The door to Keras and TensorFlow; every check needs a process of its own."""

import os

import pytest

from tftrain import keras_api


def test_first_use_loads_keras_on_tensorflow(python):
    done = python(
        "from tftrain.keras_api import keras, tf\n"
        "print(keras.backend.backend(), tf.keras.__version__[0])"
    )
    assert done.stdout.split() == ["tensorflow", "3"]


def test_start_up_is_silent(python):
    done = python("from tftrain.keras_api import tf; print(int(tf.constant(1) + 1))")
    assert (done.stdout, done.stderr) == ("2\n", "")


def test_start_up_speaks_when_asked(python):
    done = python("from tftrain.keras_api import tf; tf.constant(1)", TFTRAIN_VERBOSE="1")
    assert "oneDNN" in done.stderr


def test_keras_home_setting_does_not_choose_another_backend(python, tmp_path):
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    done = python(
        "from tftrain.keras_api import keras; print(keras.backend.backend())",
        KERAS_HOME=str(tmp_path),
    )
    assert done.stdout.strip() == "tensorflow", done.stderr


def test_another_backend_in_the_environment_is_refused(python):
    done = python("from tftrain.keras_api import keras; keras.Model", KERAS_BACKEND="jax")
    assert "BackendError: KERAS_BACKEND is 'jax'" in done.stderr


STAND_IN = """
__version__ = "{version}"
class backend:
    backend = staticmethod(lambda: "{backend}")
"""


@pytest.mark.parametrize(
    ("version", "backend", "message"),
    [
        ("3.15.1", "jax", "Keras is already loaded on the 'jax' backend"),
        ("3.9.0", "tensorflow", "Keras 3.9.0 is loaded, but tftrain needs 3.12"),
    ],
)
def test_an_unusable_keras_already_loaded_is_refused(python, tmp_path, version, backend, message):
    (tmp_path / "keras.py").write_text(STAND_IN.format(version=version, backend=backend))
    done = python("import keras, tftrain; tftrain.models.mlp((4,))", PYTHONPATH=str(tmp_path))
    assert f"BackendError: {message}" in done.stderr


def test_what_c_code_printed_is_shown_if_loading_fails(python, tmp_path):
    (tmp_path / "tensorflow.py").write_text(
        "import os; os.write(2, b'the reason'); raise ImportError('broken')"
    )
    done = python("from tftrain.keras_api import tf; tf.constant", PYTHONPATH=str(tmp_path))
    assert "the reason" in done.stderr
    assert "broken" in done.stderr


def test_tfmot_does_not_turn_tf_keras_into_keras_2(python):
    done = python(
        "from tftrain.keras_api import tf; tf.constant\n"
        "import tensorflow_model_optimization\n"
        "print(tf.keras.__version__[0])"
    )
    assert done.stdout.strip() == "3", done.stderr


@pytest.mark.parametrize(
    ("before", "collects", "frozen"),
    [("", True, True), ("gc.disable()", False, True), ("import tensorflow", True, False)],
)
def test_what_it_imports_is_kept_from_the_garbage_collector(
    python, tmp_path, before, collects, frozen
):
    """Not what was there when somebody else had imported TensorFlow."""
    (tmp_path / "keras.py").write_text(STAND_IN.format(version="3.15.1", backend="tensorflow"))
    (tmp_path / "tensorflow.py").write_text(
        "import keras; keras.Model = None\n"
        "class config: list_physical_devices = staticmethod(lambda: [])"
    )
    done = python(
        f"import gc\n{before}\nfrom tftrain.keras_api import tf; tf.keras\n"
        "from tftrain import keras_api\n"
        "print(gc.isenabled(), gc.get_freeze_count() > 1000, keras_api._was_loaded_before)",
        PYTHONPATH=str(tmp_path),
    )
    assert done.stdout.split() == [str(collects), str(frozen), str(not frozen)], done.stderr


def test_lines_of_c_code_are_kept_from_who_has_imported_tensorflow(monkeypatch, capfd):
    monkeypatch.setattr(keras_api, "_was_loaded_before", True)
    with keras_api.without_lines("key lookup missed"):
        os.write(2, b"before\nI0000 cache key lookup missed for f\nafter\n")
    assert capfd.readouterr().err == "before\nafter\n"
    monkeypatch.setattr(keras_api, "_was_loaded_before", False)
    with keras_api.without_lines("key lookup missed"):
        os.write(2, b"I0000 cache key lookup missed for f\n")
    assert capfd.readouterr().err
