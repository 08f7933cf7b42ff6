"""The steps of a compression, one after another."""

import numpy as np
import pytest

from tftrain import litert, models
from tftrain.compress import Plan, stages
from tftrain.errors import CompressionError, ConversionFailed
from tftrain.keras_api import keras
from tftrain.litert.weights import weights_of

TUNING = {"epochs": 1, "batch_size": 32, "verbose": 0}


@pytest.fixture(scope="module")
def data():
    x = np.random.default_rng(0).normal(size=(256, 16)).astype("float32")
    return x, (x[:, 0] > 0).astype(int)


def classifier(*layers, shape=(16,)):
    keras.utils.set_random_seed(0)
    last = keras.layers.Dense(2, activation="softmax", name="last")
    model = keras.Sequential([keras.Input(shape), *layers, last])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture(scope="module")
def made(data):
    keras.utils.set_random_seed(0)
    model = models.mlp((16,), hidden=(32,), classes=2)
    model.compile("adam", "sparse_categorical_crossentropy")
    told = []
    variants = list(
        stages(model, data, prune=0.5, cluster=8, quantize="int8", tell=told.append, **TUNING)
    )
    return {variant.name: variant for variant in variants}, told


def test_every_step_is_there_in_its_order(made):
    assert list(made[0]) == [
        *("dense", "dense_int8", "pruned", "pruned_int8", "pruned_clustered"),
        *("pruned_clustered_int8", "pruned_clustered_qat"),
    ]


def test_zeros_and_clusters_last_to_the_end(made):
    kernel = made[0]["pruned_clustered"].model.get_layer("hidden_1").kernel.numpy()
    assert np.mean(kernel == 0) >= 0.5
    assert len(np.unique(kernel)) <= 8
    stored = weights_of(made[0]["pruned_clustered_qat"].lite.content).values()
    (kernel,) = [weight for weight in stored if weight.shape == (32, 16)]
    assert np.mean(kernel == 0) >= 0.5


def test_a_file_that_answers_otherwise_is_not_given(data, monkeypatch):
    model = classifier()
    other = litert.convert(keras.models.clone_model(model))  # of other weights
    monkeypatch.setattr("tftrain.litert.conversion.convert", lambda *arguments, **options: other)
    with pytest.raises(ConversionFailed, match="differs by"):
        next(stages(model, data, prune=0.5, **TUNING))


def test_trained_variants_have_both_files_and_the_others_one(made):
    for name, variant in made[0].items():
        assert variant.lite is not None
        assert (variant.model is None) == name.endswith(("int8", "qat"))


def test_the_file_beside_a_model_answers_as_it_does(made, data):
    pruned = made[0]["pruned"]
    expected = pruned.model.predict(data[0], verbose=0)
    np.testing.assert_allclose(pruned.lite.predict(data[0]), expected, atol=1e-5)


def test_each_step_is_told_with_its_rate(made):
    begun, ended = made[1][2:4]
    assert begun == "2 of 6: pruned: 50% zeros ..."
    assert ended.startswith("2 of 6: pruned: ")
    assert ended.endswith("steps/s")


def test_layers_are_chosen_for_zeros_and_clusters(data):
    model = classifier(keras.layers.Dense(32, name="first"))
    *_, both = stages(model, data, prune=0.5, cluster=4, skip=["last"], **TUNING)
    assert len(np.unique(both.model.get_layer("first").kernel)) <= 4
    assert np.all(both.model.get_layer("last").kernel.numpy())


def recurrent():
    return classifier(keras.layers.LSTM(4, name="memory"), shape=(4, 4))


@pytest.fixture
def steps(data):
    return data[0].reshape(-1, 4, 4), data[1]


def test_training_for_int8_of_a_recurrent_model_is_refused_before_any_work(steps):
    with pytest.raises(CompressionError, match=r"'memory' .*quantize\(mode='dynamic'\)"):
        stages(recurrent(), steps, prune=0.5, quantize_aware=True, **TUNING)


def test_what_cannot_be_trained_for_int8_is_left_out_if_nobody_asked_for_it(steps):
    told = []
    plan = Plan(cluster=4, quantize="int8")
    stages(recurrent(), steps, plan, tell=told.append, **TUNING)
    assert told[0].startswith("not trained for int8, only converted: layer 'memory'")


def test_settings_are_checked_before_any_work(data):
    model = classifier()
    for settings, said in (
        ({"prune": 2.0}, "sparsity is 2.0"),
        ({"prune": 0.5, "epochs": 0}, "epochs is 0"),
        ({}, "nothing to do"),
    ):
        with pytest.raises(CompressionError, match=said):
            stages(model, data, **settings)
    with pytest.raises(CompressionError, match="not compiled"):
        stages(models.mlp((16,), hidden=(4,), classes=2), data, prune=0.5)
