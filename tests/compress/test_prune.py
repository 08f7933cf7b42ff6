"""Pruning by tfmot of Keras 3 models."""

import numpy as np
import pytest

from tftrain import models
from tftrain.compress import keep_zeros, prune
from tftrain.compress.tf_keras_api import tf_keras
from tftrain.errors import BadInput, CompressionError, UnknownName
from tftrain.keras_api import keras, tf

L = keras.layers


def zeros(kernel):
    return float(np.mean(np.asarray(kernel) == 0))


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    x = random.normal(size=(256, 8)).astype("float32")
    return x, (x[:, 0] > 0).astype(int)


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    model = models.mlp((8,), hidden=(16,), classes=2)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("schedule", ["polynomial", "constant"])
@pytest.mark.parametrize("batch_size", [256, 16])
def test_kernels_get_the_share_of_zeros(model, data, schedule, batch_size):
    pruned = prune(model, data, 0.75, schedule=schedule, epochs=1, batch_size=batch_size)
    assert zeros(pruned.get_layer("hidden_1").kernel) == pytest.approx(0.75, abs=0.01)
    assert zeros(pruned.get_layer("probabilities").kernel) == pytest.approx(0.75, abs=0.04)


@pytest.mark.parametrize("given", ["arrays", "dataset"])
def test_a_step_is_traced_once(model, data, given, monkeypatch):
    traced = []
    step = tf_keras.Model.train_step
    monkeypatch.setattr(tf_keras.Model, "train_step", lambda *a: traced.append(a) or step(*a))
    train = data if given == "arrays" else tf.data.Dataset.from_tensor_slices(data).batch(128)
    pruned = prune(model, train, 0.5, epochs=2)
    assert len(traced) == 1
    assert pruned.history.history.keys() == {"loss", "accuracy"}


def test_the_source_is_left_as_it_is(model, data):
    before = model.get_weights()
    prune(model, data, 0.5, epochs=1)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert model.optimizer.iterations == 0


def test_equal_weights_are_kept_together(model, data):
    values = np.array([0.1, -0.1, 0.5, 1.0])
    for variable in model.trainable_variables:
        variable.assign(values[np.arange(int(np.prod(variable.shape))) % 4].reshape(variable.shape))
    still = keras.optimizers.SGD(1e-12)
    pruned = prune(model, data, 0.7, epochs=1, optimizer=still)
    kept = np.unique(np.abs(pruned.get_layer("hidden_1").kernel.numpy()).round(6))
    assert set(kept) <= {0.0, 0.5, 1.0}


def test_what_comes_out_is_keras_3_compiled_and_saved(model, data, tmp_path):
    pruned = prune(model, data, 0.5, epochs=2, validation=data)
    assert isinstance(pruned, keras.Model)
    assert len(pruned.history.history["val_accuracy"]) == 2
    expected = pruned.evaluate(*data, verbose=0, return_dict=True)
    assert expected["accuracy"] == pytest.approx(pruned.history.history["val_accuracy"][-1])
    pruned.save(tmp_path / "pruned.keras")
    again = keras.saving.load_model(tmp_path / "pruned.keras")
    assert again.evaluate(*data, verbose=0, return_dict=True) == pytest.approx(expected)


def test_the_same_seed_gives_the_same_model(model, data):
    first, second = (prune(model, data, 0.5, epochs=1, seed=3) for _ in range(2))
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_layers_can_be_chosen(model, data):
    assert zeros(prune(model, data, 0.5, epochs=1, only=["hidden_1"]).layers[-1].kernel) == 0
    assert zeros(prune(model, data, 0.5, epochs=1, skip=["hidden_1"]).layers[1].kernel) == 0


def test_two_in_four(model, data):
    pruned = prune(model, data, structure="2:4", epochs=1)
    for layer in ("hidden_1", "probabilities"):
        kernel = pruned.get_layer(layer).kernel.numpy()
        fours = kernel.T.reshape(-1, 4)
        assert ((fours == 0).sum(axis=1) == 2).all()


def test_blocks(model, data):
    pruned = prune(model, data, 0.5, structure=(4, 2), epochs=1, only=["hidden_1"])
    kernel = pruned.get_layer("hidden_1").kernel.numpy()
    blocks = kernel.reshape(2, 4, 8, 2).transpose(0, 2, 1, 3).reshape(16, 8)
    dense = (blocks != 0).sum(axis=1)
    assert set(dense) == {0, 8}
    assert (dense == 0).sum() == 8


def compiled(*layers, shape=(6, 4)):
    model = keras.Sequential([keras.Input(shape), *layers, L.Dense(2, name="last")])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


KINDS = {
    "lstm": (lambda: [L.LSTM(8, name="it")], (0, 1)),
    "gru": (lambda: [L.GRU(8, name="it")], (0, 1)),
    "conv": (lambda: [L.Conv1D(8, 3, name="it"), L.Flatten()], (0,)),
    "separable": (lambda: [L.SeparableConv1D(8, 3, name="it"), L.Flatten()], (1,)),
    "frozen": (lambda: [L.Flatten(), L.Dense(8, name="it", trainable=False)], (0,)),
}


@pytest.mark.parametrize(("layers", "pruned_weights"), KINDS.values(), ids=KINDS)
def test_kinds_of_layers(layers, pruned_weights):
    model = compiled(*layers())
    x, y = np.random.default_rng(0).normal(size=(64, 6, 4)), np.arange(64) % 2
    weights = prune(model, (x, y), 0.5, epochs=1, batch_size=8).get_layer("it").get_weights()
    shares = [zeros(weights[index]) for index in pruned_weights]
    assert shares == pytest.approx([0.5] * len(shares), abs=0.03)


def test_embeddings_and_attention():
    inputs = keras.Input((6,), dtype="int32")
    x = L.Embedding(10, 8, name="words")(inputs)
    x = L.MultiHeadAttention(2, 4, name="attention")(x, x)
    model = keras.Model(inputs, L.Dense(1)(L.GlobalAveragePooling1D()(x)))
    model.compile("adam", "mse")
    x, y = np.random.default_rng(0).integers(0, 10, (64, 6)), np.ones(64)
    pruned = prune(model, (x, y), 0.5, epochs=1)
    assert zeros(pruned.get_layer("words").embeddings) == 0.5
    kernels = [w for w in pruned.get_layer("attention").get_weights() if w.ndim == 3]
    kernels = [w for w in kernels if w.size > 8]
    assert [zeros(kernel) for kernel in kernels] == [0.5] * 4


def test_datasets_and_sample_weights(model, data):
    x, y = data
    batches = tf.data.Dataset.from_tensor_slices((x, y, np.ones(256, "float32"))).batch(32)
    pruned = prune(model, batches, 0.5, epochs=1)
    assert zeros(pruned.get_layer("hidden_1").kernel) == 0.5
    pruned = prune(model, (x, y, np.ones(256)), 0.5, epochs=1)
    assert zeros(pruned.get_layer("hidden_1").kernel) == 0.5


def test_a_dataset_without_an_end_needs_its_steps(model, data):
    batches = tf.data.Dataset.from_tensor_slices(data).batch(32).repeat()
    endless = batches.filter(lambda x, y: True)
    with pytest.raises(CompressionError, match="give steps_per_epoch="):
        prune(model, endless)
    pruned = prune(model, endless, 0.5, epochs=1, steps_per_epoch=4)
    assert zeros(pruned.get_layer("hidden_1").kernel) == 0.5


def test_callbacks_of_keras_3_are_called(model, data):
    class Recorder(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.batches, self.epochs = 0, []

        def on_train_batch_end(self, batch, logs=None):
            self.batches += 1

        def on_epoch_end(self, epoch, logs=None):
            self.epochs.append(logs["val_loss"])
            self.model.stop_training = epoch == 1

    recorder = Recorder()
    pruned = prune(model, data, 0.5, epochs=5, batch_size=64, validation=data, callbacks=[recorder])
    assert recorder.batches == 8
    assert zeros(pruned.get_layer("hidden_1").kernel) == 0.5  # though it was stopped early
    assert pruned.history.history["val_loss"] == recorder.epochs


def test_schedules_losses_and_optimizers_come_from_the_model(data):
    @keras.saving.register_keras_serializable("tests")
    def loss(y_true, y_pred):
        return keras.ops.mean(keras.ops.square(y_pred - 0.5), axis=-1)

    model = models.mlp((8,), hidden=(4,), classes=2)
    rate = keras.optimizers.schedules.CosineDecay(0.0, 100)
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), loss)
    pruned = prune(model, data, 0.0, epochs=1)
    for one, other in zip(model.get_weights(), pruned.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)  # since the rate is zero
    assert pruned.loss is loss
    assert isinstance(pruned.optimizer, keras.optimizers.SGD)


def test_mixed_precision(data):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = models.mlp((8,), hidden=(16,), classes=2)
    finally:
        keras.config.set_dtype_policy("float32")
    model.compile("adam", "sparse_categorical_crossentropy")
    pruned = prune(model, data, 0.5, epochs=1)
    assert pruned.get_layer("hidden_1").compute_dtype == "bfloat16"
    assert zeros(pruned.get_layer("hidden_1").kernel) == 0.5


def test_zeros_are_kept_when_it_trains_on(model, data, tmp_path):
    pruned = keep_zeros(prune(model, data, 0.75, epochs=1))
    places = pruned.get_layer("hidden_1").kernel.numpy() == 0
    pruned.fit(*data, epochs=2, verbose=0)
    pruned.save(tmp_path / "pruned.keras")
    again = keras.saving.load_model(tmp_path / "pruned.keras")
    again.fit(*data, epochs=2, verbose=0)
    kernel = again.get_layer("hidden_1").kernel.numpy()
    np.testing.assert_array_equal(kernel == 0, places)
    assert not np.array_equal(kernel, pruned.get_layer("hidden_1").kernel.numpy())


def test_without_being_asked_zeros_are_not_kept(model, data):
    pruned = prune(model, data, 0.75, epochs=1)
    pruned.fit(*data, verbose=0)
    assert zeros(pruned.get_layer("hidden_1").kernel) < 0.5


def test_keeping_zeros_that_are_not_there_is_refused(model):
    with pytest.raises(CompressionError, match="prune it first"):
        keep_zeros(model)


def test_an_uncompiled_model_is_refused(data):
    with pytest.raises(CompressionError, match=r"call model\.compile"):
        prune(models.mlp((8,)), data)


@pytest.mark.parametrize("sparsity", [-0.1, 1.0, 80, float("nan")])
def test_a_sparsity_out_of_range_is_refused(model, data, sparsity):
    with pytest.raises(CompressionError, match="at least 0 and below 1"):
        prune(model, data, sparsity)


def test_bad_settings_are_refused(model, data):
    with pytest.raises(UnknownName, match="polynomial"):
        prune(model, data, schedule="polynomal")
    with pytest.raises(UnknownName, match="did you mean 'hidden_1'"):
        prune(model, data, skip=["hiden_1"])
    with pytest.raises(BadInput, match="expected a list of layer names"):
        prune(model, data, skip="hidden_1")
    with pytest.raises(CompressionError, match="structure is '4:2'"):
        prune(model, data, structure="4:2")
    with pytest.raises(CompressionError, match="leave sparsity out"):
        prune(model, data, 0.8, structure="2:4")
    with pytest.raises(CompressionError, match="epochs is 0"):
        prune(model, data, epochs=0)
    with pytest.raises(CompressionError, match="training data are a str"):
        prune(model, "digits")


def test_an_optimizer_that_tf_keras_lacks_is_refused(model, data):
    model.compile(keras.optimizers.Lamb(), "sparse_categorical_crossentropy")
    with pytest.raises(CompressionError, match="has no optimizer Lamb: give the fine-tuning"):
        prune(model, data)
    assert prune(model, data, 0.5, epochs=1, optimizer=keras.optimizers.Adam(1e-4))


def test_blocks_on_convolutions_are_refused(data):
    model = compiled(L.Conv1D(8, 3, name="it"), L.Flatten())
    data = np.ones((8, 6, 4)), np.zeros(8)
    with pytest.raises(CompressionError, match="'it' has a kernel of shape"):
        prune(model, data, 0.5, structure=(2, 2))
