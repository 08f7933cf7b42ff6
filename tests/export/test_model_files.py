import numpy as np
import pytest

from tftrain import export, models
from tftrain.errors import ExportError
from tftrain.keras_api import keras


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_saved_model_answers_as_before(tmp_path, suffix):
    model = models.mlp((4,), classes=3)
    path = getattr(export, suffix)(model, tmp_path / "deep" / f"model.{suffix}")
    x = np.ones((2, 4), np.float32)
    loaded = keras.saving.load_model(path, compile=False)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_another_ending_is_refused(tmp_path, suffix):
    with pytest.raises(ExportError, match=f"ends in '.zip'; expected '.{suffix}'"):
        getattr(export, suffix)(models.linear((2,)), tmp_path / "model.zip")


def test_saving_says_nothing(tmp_path, capfd):
    export.h5(models.linear((2,)), tmp_path / "model.h5")
    assert capfd.readouterr().err == ""
