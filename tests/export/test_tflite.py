import numpy as np
import pytest

from tests.litert.modes_at_hand import MODES
from tftrain import export, litert, models
from tftrain.errors import CompressionError, ConversionFailed, ExportError
from tftrain.keras_api import keras

X = np.random.default_rng(0).random((20, 4)).astype("float32")


@pytest.fixture(scope="module")
def model():
    return models.mlp((4,), hidden=(64,), classes=3)


@pytest.mark.parametrize("mode", [None, *MODES])
def test_the_file_answers_as_the_model_does(mode, model, tmp_path):
    path = export.tflite(model, tmp_path / "deep" / "model.tflite", mode, X)
    found = litert.LiteModel.load(path).predict(X)
    np.testing.assert_allclose(found, model.predict(X, verbose=0), atol=0.1 if mode else 1e-6)


def test_another_ending_is_refused(model, tmp_path):
    with pytest.raises(ExportError, match=r"ends in '.lite'; expected '.tflite'"):
        export.tflite(model, tmp_path / "model.lite")


def test_an_earlier_file_outlives_a_conversion_that_fails(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"earlier")
    inputs = keras.Input((5, 3))
    recurrent = keras.Model(inputs, keras.layers.LSTM(4)(inputs))
    with pytest.raises(ConversionFailed, match="SIGSEGV"):
        export.tflite(recurrent, path, "int8", np.zeros((4, 5, 3)))
    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_an_earlier_file_outlives_a_comparison_that_fails(model, tmp_path, monkeypatch):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"earlier")
    another = litert.convert(models.mlp((4,), hidden=(64,), classes=3))
    monkeypatch.setattr(litert, "convert", lambda *arguments, **settings: another)
    with pytest.raises(ConversionFailed, match="differs by"):
        export.tflite(model, path)
    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_made_where_the_model_is_refused(tmp_path):
    unbuilt = keras.Sequential([keras.layers.Dense(1)])
    with pytest.raises(CompressionError, match="is not built"):
        export.tflite(unbuilt, tmp_path / "deep" / "model.tflite")
    assert list(tmp_path.iterdir()) == []
