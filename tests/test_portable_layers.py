"""Recurrent layers, traced where there is a GPU as where there is none."""

import pytest

from tests.litert import sample_models
from tftrain import export
from tftrain.compress.tf_keras_api import tf_keras
from tftrain.keras_api import keras
from tftrain.portable_layers import all_layers, without_fused_loops


@pytest.mark.parametrize("library", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_layers_loop_meanwhile_and_are_as_before_afterwards(library):
    layer = sample_models.recurrent("LSTM", library).layers[1]
    name = "use_cudnn" if library is keras else "_could_use_gpu_kernel"
    before = getattr(layer, name)
    model = library.Sequential([library.layers.Input((5, 3)), layer])
    with without_fused_loops(model):
        assert getattr(layer, name) is False
    assert getattr(layer, name) == before != False  # noqa: E712


def test_layers_of_wrappers_and_nested_models_are_among_all():
    names = {type(layer).__name__ for layer in all_layers(sample_models.bidirectional())}
    assert {"Embedding", "Bidirectional", "LSTM", "Dense"} <= names


class Watched(keras.layers.LSTM):
    """Notes whether it may use a GPU's own operation, whenever it is called."""

    seen = ()

    def call(self, sequences, initial_state=None, mask=None, training=False):
        self.seen = (*self.seen, self.use_cudnn)
        return super().call(sequences, initial_state, mask, training)


def test_an_export_is_traced_without_them(tmp_path):
    layer = Watched(4)
    model = keras.Sequential([keras.Input((5, 3)), layer])
    layer.seen = ()
    export.saved_model(model, tmp_path, verify=False)
    assert layer.seen == (False,)
