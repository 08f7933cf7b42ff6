"""Clustering by tfmot of the weights of Keras 3 models."""

import numpy as np
import pytest

from tftrain import models
from tftrain.compress import cluster, prune
from tftrain.errors import CompressionError, NotFiniteWeights, UnknownName
from tftrain.keras_api import keras, tf

L = keras.layers


def values(kernel):
    return len(np.unique(np.asarray(kernel)))


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    x = random.normal(size=(256, 8)).astype("float32")
    return x, (x[:, 0] > 0).astype(int)


@pytest.fixture(scope="module")
def model(data):
    keras.utils.set_random_seed(0)
    model = models.mlp((8,), hidden=(16,), classes=2)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(*data, epochs=2, verbose=0)
    return model


@pytest.fixture(scope="module")
def pruned(model, data):
    return prune(model, data, 0.5, epochs=1)


@pytest.mark.parametrize("centroids", ["kmeans++", "density", "linear", "random"])
def test_kernels_get_few_values(model, data, centroids):
    clustered = cluster(model, data, 5, centroids=centroids, epochs=1)
    assert 2 <= values(clustered.get_layer("hidden_1").kernel) <= 5
    assert 2 <= values(clustered.get_layer("probabilities").kernel) <= 5
    assert values(clustered.get_layer("hidden_1").bias) > 5


def test_the_values_train(model, data):
    first, second = (
        cluster(model, data, 4, epochs=1, optimizer=keras.optimizers.SGD(rate))
        for rate in (0.1, 1e-9)
    )
    one, other = (np.unique(found.get_layer("hidden_1").kernel) for found in (first, second))
    assert one.shape == other.shape == (4,)
    assert np.all(one != other)


def test_what_comes_out_computes_what_was_trained(model, data, tmp_path):
    before = model.get_weights()
    clustered = cluster(model, data, 8, epochs=2, validation=data)
    expected = clustered.evaluate(*data, verbose=0, return_dict=True)
    history = clustered.history.history
    assert expected["loss"] == pytest.approx(history["val_loss"][-1], abs=1e-5)
    assert expected["accuracy"] == pytest.approx(history["val_accuracy"][-1])
    clustered.save(tmp_path / "clustered.keras")
    again = keras.saving.load_model(tmp_path / "clustered.keras")
    assert again.evaluate(*data, verbose=0, return_dict=True) == pytest.approx(expected)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_same_seed_gives_the_same_model(model, data):
    first, second = (cluster(model, data, 4, epochs=1, seed=3) for _ in range(2))
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_layers_can_be_chosen(model, data):
    only = cluster(model, data, 4, epochs=1, only=["hidden_1"])
    assert values(only.get_layer("hidden_1").kernel) == 4
    assert values(only.get_layer("probabilities").kernel) > 4
    skipping = cluster(model, data, 4, epochs=1, skip=["hidden_1"])
    assert values(skipping.get_layer("hidden_1").kernel) > 4


def test_zeros_of_pruned_layers_are_kept(pruned, data, capsys):
    clustered = cluster(pruned, data, 5, epochs=2)
    assert "keeps the zeros of hidden_1, probabilities" in capsys.readouterr().err
    for layer in ("hidden_1", "probabilities"):
        before, after = (one.get_layer(layer).kernel.numpy() for one in (pruned, clustered))
        assert np.all(after[before == 0] == 0)
        assert values(after) <= 5


def test_zeros_need_not_be_kept(pruned, data):
    clustered = cluster(pruned, data, 5, epochs=1, keep_zeros=False)
    assert np.all(clustered.get_layer("hidden_1").kernel.numpy() != 0)


def test_zero_can_be_made_a_cluster(model, data):
    kernel = cluster(model, data, 5, epochs=1, keep_zeros=True).get_layer("hidden_1").kernel
    assert 0 in np.unique(kernel)
    assert values(kernel) <= 5


def test_few_weights_that_are_not_zero(pruned, data):
    """Fewer than clusters, though the kernel is large enough."""
    clustered = cluster(pruned, data, 30, epochs=1)
    assert values(clustered.get_layer("probabilities").kernel) <= 17


def compiled(inputs, outputs):
    model = keras.Model(inputs, L.Dense(2, name="last")(outputs))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def recurrent():
    inputs = keras.Input((6, 4))
    layers = [
        L.LSTM(8, dropout=0.2, name="lstm"),
        L.GRU(8, name="gru"),
        L.SimpleRNN(8, name="simple_rnn"),
        L.Bidirectional(L.GRU(8), name="bidirectional"),
    ]
    return compiled(inputs, L.Concatenate()([layer(inputs) for layer in layers]))


def others():
    inputs = keras.Input((6, 4))
    inner = keras.Sequential([keras.Input((24,)), L.Dense(8, name="nested")], name="inner")
    twice = L.Dense(4, name="twice")
    branches = [
        L.Conv1D(8, 3, name="conv1d")(inputs),
        L.SeparableConv1D(8, 3, name="separable")(inputs),
        L.Conv1DTranspose(8, 3, name="transpose")(inputs),
        L.Dense(8, name="frozen", trainable=False)(inputs),
        L.MultiHeadAttention(2, 4, dropout=0.2, name="attention")(inputs, inputs),
        twice(twice(inputs)),
    ]
    flat = L.Flatten()
    return compiled(inputs, L.Concatenate()([*map(L.Flatten(), branches), inner(flat(inputs))]))


def half_precision():
    inputs = keras.Input((6, 4))
    dense = L.Dense(8, name="half_precision", dtype="mixed_bfloat16")
    return compiled(inputs, dense(L.Flatten()(inputs)))


def layers_of(model):
    return {layer.name: layer for layer in model._flatten_layers()}


@pytest.fixture(scope="module")
def clustered_models():
    """Layers of models, before and after, by name; and two losses that should be the same."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(64, 6, 4)).astype("float32"), np.arange(64) % 2
    before, after, losses = {}, {}, {}
    for make in (recurrent, others, half_precision):
        keras.utils.set_random_seed(0)
        model = make()
        result = cluster(model, (x, y), 8, epochs=1, batch_size=8, validation=(x, y))
        before |= layers_of(model)
        after |= layers_of(result)
        losses[make] = result.evaluate(x, y, verbose=0), result.history.history["val_loss"][-1]
    return before, after, losses


CLUSTERED = {
    "conv1d": (0,),
    "separable": (1,),
    "transpose": (0,),
    "frozen": (0,),
    "attention": (0, 2, 4, 6),
    "twice": (0,),
    "nested": (0,),
    "lstm": (0, 1),
    "gru": (0, 1),
    "simple_rnn": (0, 1),
    "bidirectional": (0, 1, 3, 4),
    "half_precision": (0,),
}


@pytest.mark.parametrize(("name", "clustered"), CLUSTERED.items(), ids=CLUSTERED)
def test_kinds_of_layers(clustered_models, name, clustered):
    before, after, _ = clustered_models
    for index, (old, new) in enumerate(
        zip(before[name].get_weights(), after[name].get_weights(), strict=True)
    ):
        if index in clustered:
            assert 2 < values(new) <= 8
        else:
            assert np.array_equal(old, new) == (name == "frozen")


@pytest.mark.parametrize("make", [recurrent, others, half_precision])
def test_all_kinds_compute_what_was_trained(clustered_models, make):
    result, trained = clustered_models[2][make]
    assert result == pytest.approx(trained, abs=2e-2 if make is half_precision else 1e-5)


def test_masks_pass_through():
    """Behind an embedding that masks, an LSTM that masks too, and a dense layer at each step."""
    inputs = keras.Input((6,), dtype="int32")
    x = L.Embedding(20, 8, mask_zero=True, name="words")(inputs)
    x = L.Dense(8, name="dense")(L.LSTM(8, return_sequences=True)(x))
    model = compiled(inputs, L.GlobalAveragePooling1D()(x))
    random = np.random.default_rng(0)
    x, y = random.integers(1, 20, (64, 6)), np.arange(64) % 2
    x[::2, 3:] = 0
    clustered = cluster(model, (x, y), 8, epochs=1, validation=(x, y))
    assert values(clustered.get_layer("words").embeddings) <= 8
    expected = clustered.evaluate(x, y, verbose=0)
    assert clustered.history.history["val_loss"][-1] == pytest.approx(expected, abs=1e-5)


def test_losses_and_metrics_by_the_names_of_outputs(data):
    inputs = keras.Input((8,), name="inputs")
    outputs = [L.Dense(1, name="one")(inputs), L.Dense(2, name="two")(inputs)]
    model = keras.Model(inputs, outputs)
    model.compile("adam", {"one": "mse", "two": "mae"}, metrics={"two": ["mse"]})
    y = {"one": np.zeros((256, 1)), "two": np.zeros((256, 2))}
    out = cluster(model, (data[0], y), 4, epochs=1)
    assert {"one_loss", "two_loss", "two_mse"} <= set(out.history.history)


def test_datasets(model, data):
    batches = tf.data.Dataset.from_tensor_slices(data).batch(32)
    assert values(cluster(model, batches, 4, epochs=1).get_layer("hidden_1").kernel) == 4


def test_numbers_of_clusters_that_cannot_be(model, data):
    for clusters in (1, 0, -3, 2.5, 16.0, "16", True, None):
        with pytest.raises(CompressionError, match="a whole number of at least 2"):
            cluster(model, data, clusters)
    with pytest.raises(CompressionError, match=r"'probabilities' has a kernel of 32 weights.*skip"):
        cluster(model, data, 33)
    with pytest.raises(CompressionError, match="expected at least 3"):
        cluster(model, data, 2, keep_zeros=True)


def test_bad_settings(model, data):
    with pytest.raises(UnknownName, match="did you mean 'hidden_1'"):
        cluster(model, data, only=["hiden_1"])
    with pytest.raises(UnknownName, match=r"did you mean 'kmeans\+\+'"):
        cluster(model, data, centroids="kmeans")
    with pytest.raises(CompressionError, match="'dropout_1' has nothing that can be clustered"):
        cluster(model, data, only=["dropout_1"])
    with pytest.raises(CompressionError, match="training data are a str"):
        cluster(model, "digits", 4)


def test_models_that_are_not_ready(data):
    with pytest.raises(CompressionError, match=r"call model\.compile"):
        cluster(models.mlp((8,)), data)
    unbuilt = keras.Sequential([L.Dense(2)])
    unbuilt.compile("sgd", "mse")
    with pytest.raises(CompressionError, match="is not built"):
        cluster(unbuilt, data)


def test_weights_that_are_no_numbers(model, data):
    broken = keras.models.clone_model(model)
    broken.compile("adam", "sparse_categorical_crossentropy")
    broken.get_layer("hidden_1").kernel.assign(np.full((8, 16), np.nan))
    with pytest.raises(CompressionError, match="holds NaN or infinite weights"):
        cluster(broken, data)


def test_layers_without_different_weights_are_refused(model, data):
    same = keras.models.clone_model(model)
    same.compile("adam", "sparse_categorical_crossentropy")
    same.get_layer("hidden_1").kernel.assign(np.zeros((8, 16)))
    with pytest.raises(CompressionError, match="'hidden_1' has a kernel of 1 different weights"):
        cluster(same, data, 4)


def test_a_training_that_diverges(model, data):
    x = np.full_like(data[0], np.nan)
    with pytest.raises(NotFiniteWeights, match="weights of hidden_1"):
        cluster(model, (x, data[1]), 4, epochs=1)
