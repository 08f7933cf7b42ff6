"""Which files of Keras are found to give the model back."""

import sys

import numpy as np
import pytest

from tests.litert import sample_models
from tftrain import export, models
from tftrain.errors import VerificationFailed
from tftrain.keras_api import keras, tf

FORMATS = ("keras", "h5")


def save(model, folder, kind):
    return getattr(export, kind)(model, folder / f"model.{kind}")


def dense(*layers):
    return keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(2)])


@pytest.fixture
def trained():
    model = models.mlp((4,), classes=3)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(np.ones((8, 4), np.float32), np.zeros(8), batch_size=4, verbose=0)
    return model


UNREGISTERED = "subclassed"
TOO_MUCH_FOR_H5 = ("attention", "bidirectional")  # arguments by name, masks
KINDS = sorted(sample_models.KERAS_3.keys() - {UNREGISTERED})
PAIRS = [(s, kind) for s in KINDS for kind in FORMATS if kind != "h5" or s not in TOO_MUCH_FOR_H5]


@pytest.mark.parametrize(("sample", "kind"), PAIRS)
def test_models_of_all_kinds_come_back(sample, kind, tmp_path):
    assert save(sample_models.KERAS_3[sample](), tmp_path, kind).exists()


@pytest.mark.parametrize("sample", TOO_MUCH_FOR_H5)
def test_what_h5_cannot_hold_fails_and_the_better_format_is_named(sample, tmp_path):
    with pytest.raises(VerificationFailed, match=r"cannot be read back .*: save it as \.keras"):
        export.h5(sample_models.KERAS_3[sample](), tmp_path / "model.h5")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", FORMATS)
def test_the_model_is_as_before(kind, trained, tmp_path):
    before = [np.array(variable) for variable in (*trained.variables, *trained.optimizer.variables)]
    save(trained, tmp_path, kind)
    after = [np.array(variable) for variable in (*trained.variables, *trained.optimizer.variables)]
    np.testing.assert_equal(after, before)


@keras.saving.register_keras_serializable("tests")
class Forgetful(keras.layers.Layer):
    """Its configuration does not tell what it was made with."""

    def __init__(self, factor=1.0, **settings):
        super().__init__(**settings)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        return {"name": self.name}


@pytest.mark.parametrize("kind", FORMATS)
def test_a_layer_that_comes_back_otherwise_fails(kind, tmp_path):
    path = tmp_path / f"model.{kind}"
    path.write_bytes(b"earlier")
    with pytest.raises(VerificationFailed, match="is not the model: output 'outputs' differs by"):
        save(dense(Forgetful(2.0)), tmp_path, kind)
    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]


class Unknown(keras.layers.Layer):
    def call(self, inputs):
        return 2 * inputs


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_not_registered_fails_with_the_remedy(kind, tmp_path):
    with pytest.raises(VerificationFailed, match="register_keras_serializable") as failed:
        save(dense(Unknown()), tmp_path, kind)
    assert f"model.{kind} cannot be read back (" in str(failed.value)
    with keras.saving.custom_object_scope({"Unknown": Unknown}):
        assert save(dense(Unknown()), tmp_path, kind).exists()


def squared(expected, found):
    return keras.ops.mean((expected - found) ** 2)


def test_a_loss_that_is_not_registered_fails_with_the_remedy(tmp_path):
    model = dense()
    model.compile("sgd", loss=squared)
    with pytest.raises(VerificationFailed, match=r"'squared'.*register_keras_serializable"):
        export.keras(model, tmp_path / "model.keras")
    export.h5(model, tmp_path / "model.h5")  # which is loaded without its losses


def test_an_optimizer_without_its_state_fails(trained, tmp_path, monkeypatch):
    load = keras.saving.load_model

    def forget(*arguments, **settings):
        loaded = load(*arguments, **settings)
        loaded.optimizer.iterations.assign(0)
        return loaded

    monkeypatch.setattr(sys.modules["keras.saving"], "load_model", forget)
    with pytest.raises(VerificationFailed, match=r"variable of the optimizer '.*iteration' expect"):
        export.keras(trained, tmp_path / "model.keras")


@keras.saving.register_keras_serializable("tests")
class Noise(keras.layers.Layer):
    """Answers otherwise each time, when used too."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.seeds = keras.random.SeedGenerator(0)

    def call(self, inputs):
        return inputs + keras.random.normal(keras.ops.shape(inputs), seed=self.seeds)


def test_a_random_model_is_judged_by_its_weights_and_keeps_its_state(tmp_path):
    model = dense(Noise())
    model(np.ones((1, 4)))
    state = np.array(model.layers[0].seeds.state)
    assert export.keras(model, tmp_path / "model.keras").exists()
    np.testing.assert_array_equal(np.array(model.layers[0].seeds.state), state)


@keras.saving.register_keras_serializable("tests")
class TwoArguments(keras.Model):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.layer = keras.layers.Dense(2)

    def call(self, first, second):
        return self.layer(first) + second

    def build_from_config(self, config):
        self(tf.ones((1, 4)), tf.ones((1, 2)))


def test_a_model_that_does_not_tell_its_inputs_is_judged_by_its_weights(tmp_path):
    model = TwoArguments()
    model(tf.ones((1, 4)), tf.ones((1, 2)))
    assert export.keras(model, tmp_path / "model.keras").exists()
