"""Saving as HDF5 must not change the model that is saved (keras#23475)."""

import numpy as np
import pytest

from tftrain import export, models
from tftrain.keras_api import keras


@pytest.fixture
def trained():
    model = models.mlp((4,), classes=3)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(np.ones((8, 4), np.float32), np.zeros(8), batch_size=4, verbose=0)
    return model


def test_a_keras_file_written_after_an_h5_file_keeps_the_optimizer(trained, tmp_path):
    before = trained.get_compile_config()
    export.h5(trained, tmp_path / "model.h5")
    assert trained.get_compile_config() == before
    restored = keras.models.load_model(export.keras(trained, tmp_path / "model.keras"))
    assert type(restored.optimizer) is keras.optimizers.Adam
    assert int(restored.optimizer.iterations) == 2


def test_a_model_never_compiled_can_be_saved(tmp_path):
    path = export.h5(models.linear((4,)), tmp_path / "model.h5")
    assert keras.models.load_model(path, compile=False).count_params() == 50


def test_canary_keras_alone_still_loses_it(trained, tmp_path):
    trained.save(tmp_path / "model.h5")
    assert "optimizer" not in trained.get_compile_config(), "export.h5's repair can go"


def test_canary_keras_loses_the_state_on_loading(trained, tmp_path):
    loaded = keras.models.load_model(export.h5(trained, tmp_path / "model.h5"))
    lost = len(loaded.optimizer.variables) < len(trained.optimizer.variables)
    assert lost, "export.h5 can compare the optimizer's state as export.keras does"
