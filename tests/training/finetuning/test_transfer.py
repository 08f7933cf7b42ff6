"""Weights by name and shape."""

import numpy as np
import pytest

from tests.training.finetuning.conftest import network
from tftrain import training
from tftrain.errors import FineTuningError, RunFolderError
from tftrain.keras_api import keras


def test_what_fits_is_copied_and_the_rest_told():
    source, target = network(5, compiled=False), network(3, compiled=False)
    head = target.get_layer("head").get_weights()
    table = training.transfer_weights(source, target)
    assert table.skipped == {
        "head/kernel": "it is 12x5 in the source",
        "head/bias": "it is 5 in the source",
    }
    for name in ("first", "norm", "second"):
        for ours, theirs in zip(
            target.get_layer(name).get_weights(), source.get_layer(name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(target.get_layer("head").get_weights()[0], head[0])
    assert len(table.loaded) == 7


def test_layers_to_skip_stay_as_they_are():
    source, target = network(5, compiled=False), network(5, compiled=False)
    table = training.transfer_weights(source, target, skip=["head"])
    assert table.skipped == {"head/kernel": "the layer is new", "head/bias": "the layer is new"}
    assert "12x5" in str(table)


def test_an_encoder_within_a_model_is_found_by_the_names_of_its_layers():
    encoder = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, name="code")], name="encoder"
    )
    pretrained = keras.Sequential([encoder, keras.layers.Dense(4, name="decoder")])
    target = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, name="code"), keras.layers.Dense(2, name="head")]
    )
    table = training.transfer_weights(pretrained, target)
    assert table.loaded == ("code/kernel", "code/bias")
    assert table.skipped["head/kernel"] == "the source has no such weights"
    assert table.skipped["decoder/kernel"] == "the target has no such weights"
    np.testing.assert_array_equal(target.layers[0].get_weights()[0], encoder.get_weights()[0])


def test_two_layers_of_one_name_are_not_mixed_up():
    def twins(name):
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="d")], name=name)

    source = keras.Sequential([twins("a"), twins("b"), keras.layers.Dense(2, name="other")])
    target = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="d")])
    with pytest.raises(FineTuningError, match="none of the source's weights fits"):
        training.transfer_weights(source, target)


def test_parts_of_composed_layers_go_to_their_places():
    def recurrent():
        cells = keras.layers.Bidirectional(keras.layers.LSTM(2, name="cells"), name="both")
        return keras.Sequential([keras.Input((3, 2)), cells])

    source, target = recurrent(), recurrent()
    assert len(training.transfer_weights(source, target).loaded) == 6
    for ours, theirs in zip(target.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_from_a_file_and_from_a_run(finished_run, tmp_path):
    source, target = network(compiled=False), network(compiled=False)
    source.save(tmp_path / "model.keras")
    assert not training.transfer_weights(tmp_path / "model.keras", target).skipped
    again = keras.models.clone_model(keras.saving.load_model(finished_run / "model.keras"))
    assert not training.transfer_weights(finished_run, again).skipped


def test_weights_that_fit_nothing_are_refused_and_nothing_changes(model):
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="first")])
    before = model.get_weights()
    with pytest.raises(FineTuningError, match=r"none of the source's weights fits .*4x3 in the"):
        training.transfer_weights(other, model)
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("nowhere", RunFolderError, "does not exist"),
        (3, FineTuningError, "received a int; expected a Keras model, a run or a .keras file"),
        (keras.Sequential(), FineTuningError, "has no weights yet"),
    ],
)
def test_what_holds_no_weights_is_refused(source, error, message, model):
    with pytest.raises(error, match=message):
        training.transfer_weights(source, model)


def test_a_damaged_file_is_refused(tmp_path, model):
    (tmp_path / "model.keras").write_bytes(b"no archive")
    with pytest.raises(RunFolderError, match="cannot be loaded"):
        training.transfer_weights(tmp_path / "model.keras", model)
