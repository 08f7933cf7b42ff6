"""Quantization-aware training by tfmot of Keras 3 models."""

import gzip
import warnings

import numpy as np
import pytest

from tftrain import models
from tftrain.compress import cluster, prune, quantize_aware
from tftrain.errors import CompressionError, UnknownName
from tftrain.keras_api import keras, tf

L = keras.layers


def values(kernel):
    return len(np.unique(np.asarray(kernel)))


def constants(lite):
    """Weights in a file, of 8 bits and of two or more axes, by shape."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the interpreter's new name
        interpreter = tf.lite.Interpreter(model_content=lite.content)
    interpreter.allocate_tensors()
    found = {}
    for detail in interpreter.get_tensor_details():
        if detail["dtype"] is np.int8 and len(detail["shape"]) > 1 and detail["shape"][0] > 1:
            try:
                found[tuple(detail["shape"])] = interpreter.get_tensor(detail["index"])
            except ValueError:  # of an operation's result, which has no content yet
                continue
    return found


@pytest.fixture(scope="module")
def data():
    """Images of four classes: which quarter is bright."""
    random = np.random.default_rng(0)
    y = np.arange(512) % 4
    x = random.normal(size=(512, 8, 8, 1)).astype("float32") / 2
    for quarter in range(4):
        row, column = divmod(quarter, 2)
        x[y == quarter, row * 4 : row * 4 + 4, column * 4 : column * 4 + 4] += 1
    return x, y


def trained(model, data, epochs=3):
    model.compile(
        keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(*data, epochs=epochs, verbose=0)
    return model


@pytest.fixture(scope="module")
def model(data):
    keras.utils.set_random_seed(0)
    return trained(models.mlp((8, 8, 1), hidden=(32,), classes=4), data)


@pytest.fixture(scope="module")
def stages(model, data):
    """The model pruned, then clustered as well, then in 8 bits as well."""
    pruned = prune(model, data, 0.75, epochs=1, batch_size=32)
    clustered = cluster(pruned, data, 8, epochs=1, batch_size=32)
    return pruned, clustered, quantize_aware(clustered, data, epochs=1, batch_size=32)


def accuracy(lite, data):
    return float(np.mean(lite.predict(data[0]).argmax(-1) == data[1]))


@pytest.fixture(scope="module")
def plain(model, data):
    """The model in 8 bits, nothing kept; and its weights before."""
    before = model.get_weights()
    quantized = quantize_aware(model, data, epochs=1, validation=data)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    return quantized


def test_weights_of_8_bits_with_the_accuracy_of_the_training(plain, data):
    history = plain.model.history.history
    assert accuracy(plain.lite, data) == pytest.approx(history["val_accuracy"][-1], abs=0.005)
    assert accuracy(plain.lite, data) > 0.9
    assert set(constants(plain.lite)) == {(32, 64), (4, 32)}
    assert (plain.zeros, plain.clusters) == ((), ())


def test_the_model_in_floats(plain, model, data, tmp_path):
    floats = plain.model.evaluate(*data, verbose=0, return_dict=True)
    assert floats["accuracy"] == pytest.approx(accuracy(plain.lite, data), abs=0.01)
    for old, new in zip(model.get_weights(), plain.model.get_weights(), strict=True):
        assert not np.array_equal(old, new)
    plain.model.save(tmp_path / "floats.keras")
    again = keras.saving.load_model(tmp_path / "floats.keras")
    assert again.evaluate(*data, verbose=0, return_dict=True) == pytest.approx(floats)


def test_the_kernel_in_the_file_is_the_one_of_the_model(plain):
    kernel = plain.model.get_layer("hidden_1").kernel.numpy()
    codes = constants(plain.lite)[32, 64].T
    step = np.abs(kernel).max() / 127
    np.testing.assert_allclose(codes * step, kernel, atol=step * 0.51)


def test_large_activations_are_not_cut_off(data):
    """Behind layers whose outputs leave tfmot's first range, -6 to 6, by far."""
    x, y = data[0], 100.0 * data[1]
    inputs = keras.Input((8, 8, 1))
    hidden = L.Dense(16, activation="relu")(L.Dense(16, activation="relu")(L.Flatten()(inputs)))
    model = keras.Model(inputs, L.Dense(1)(hidden))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model.fit(x, y, epochs=20, verbose=0)
    lite = quantize_aware(model, (x, y), epochs=1, learning_rate=1e-3).lite
    errors = [np.sqrt(np.mean((one.predict(x)[:, 0] - y) ** 2)) for one in (model, lite)]
    assert errors[0] < 30
    assert errors[1] < 1.2 * errors[0]


@pytest.fixture(scope="module")
def sparse(stages, data):
    """The pruned model in 8 bits."""
    return quantize_aware(stages[0], data, epochs=1)


def test_zeros_are_kept(stages, sparse):
    assert (sparse.zeros, sparse.clusters) == (("hidden_1", "probabilities"), ())
    for name, shape in (("hidden_1", (32, 64)), ("probabilities", (4, 32))):
        before, after = (one.get_layer(name).kernel.numpy() for one in (stages[0], sparse.model))
        assert np.all(after[before == 0] == 0)
        assert np.mean(constants(sparse.lite)[shape] == 0) >= 0.74


def test_what_is_kept_is_said(stages, data, capsys):
    quantize_aware(stages[1], data, epochs=1, only=["hidden_1"])
    said = capsys.readouterr().err
    assert "keeps the zeros of hidden_1\n" in said
    assert "keeps the clusters of hidden_1\n" in said


def test_zeros_and_clusters_are_kept(stages, data):
    pruned, _, quantized = stages
    assert quantized.zeros == quantized.clusters == ("hidden_1", "probabilities")
    for name, shape in (("hidden_1", (32, 64)), ("probabilities", (4, 32))):
        before, after = (one.get_layer(name).kernel.numpy() for one in (pruned, quantized.model))
        assert np.all(after[before == 0] == 0)
        assert values(after) <= 8
        assert values(constants(quantized.lite)[shape]) <= 8
        assert np.mean(constants(quantized.lite)[shape] == 0) >= 0.74
    assert accuracy(quantized.lite, data) > 0.9


def test_files_pack_better_at_each_stage(plain, sparse, stages):
    sizes = [len(gzip.compress(one.lite.content)) for one in (plain, sparse, stages[2])]
    assert sizes == sorted(sizes, reverse=True)


def test_what_is_not_to_be_kept_trains(stages, data):
    quantized = quantize_aware(stages[1], data, keep_zeros=False, keep_clusters=False, epochs=1)
    kernel = quantized.model.get_layer("hidden_1").kernel.numpy()
    assert np.mean(kernel == 0) < 0.7
    assert values(kernel) > 100


def test_one_pruned_layer_among_others(model, data):
    """tfmot's own scheme forgets the zeros of the others where one layer has none."""
    pruned = prune(model, data, 0.75, epochs=1, only=["hidden_1"])
    clustered = cluster(pruned, data, 8, epochs=1)
    quantized = quantize_aware(clustered, data, epochs=1)
    assert quantized.zeros == ("hidden_1",)
    assert np.mean(constants(quantized.lite)[32, 64] == 0) >= 0.74
    assert values(constants(quantized.lite)[4, 32]) <= 8


def test_the_same_seed_gives_the_same_file(stages, data):
    first, second = stages[2], quantize_aware(stages[1], data, epochs=1, batch_size=32)
    for one, other in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(first.lite.predict(data[0]), second.lite.predict(data[0]))


def image_model(*layers):
    inputs = outputs = keras.Input((8, 8, 1))
    for layer in layers:
        outputs = layer(outputs)
    return keras.Model(inputs, L.Dense(4, activation="softmax", name="last")(outputs))


def convolutional():
    return image_model(
        L.Conv2D(8, 3, use_bias=False, name="conv"),
        L.BatchNormalization(),
        L.ReLU(),
        L.DepthwiseConv2D(3),
        L.MaxPooling2D(),
        L.Conv2D(8, 1, activation="relu"),
        L.Dropout(0.2),
        L.Flatten(),
    )


def activations_apart():
    return image_model(L.Flatten(), L.Dense(16), L.ReLU(), L.Dense(16), L.Activation("relu"))


def residual():
    inputs = keras.Input((8, 8, 1))
    x = L.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    x = L.Add()([x, L.Conv2D(4, 3, padding="same")(x)])
    x = L.Concatenate()([x, L.Conv2D(4, 1)(x)])
    return keras.Model(inputs, L.Dense(4, activation="softmax")(L.GlobalAveragePooling2D()(x)))


def nested():
    inner = keras.Sequential([keras.Input((64,)), L.Dense(16, activation="relu")], name="inner")
    return image_model(L.Flatten(), inner)


def rescaled():
    return image_model(L.Rescaling(0.5), L.Conv2D(4, 3, activation="relu"), L.Flatten())


def frozen():
    return image_model(L.Flatten(), L.Dense(16, activation="relu", trainable=False, name="it"))


def mixed_precision():
    dense = L.Dense(16, activation="relu", dtype="mixed_bfloat16")
    inputs = keras.Input((8, 8, 1))
    outputs = L.Dense(4, activation="softmax", dtype="float32")(dense(L.Flatten()(inputs)))
    return keras.Model(inputs, outputs)


MODELS = [convolutional, activations_apart, residual, nested, rescaled, frozen, mixed_precision]


def patterned(model):
    """Half of each kernel set to zero, the others to one of seven values; not trained."""
    for layer in model._flatten_layers():
        if isinstance(layer, (L.Dense, L.Conv2D)):
            kernel = layer.kernel.numpy()
            values = np.quantile(kernel, np.linspace(0.05, 0.95, 7))
            nearest = values[np.abs(kernel[..., None] - values).argmin(-1)]
            layer.kernel.assign(np.where(np.abs(kernel) < np.median(np.abs(kernel)), 0, nearest))
    model.compile(
        keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_kinds_of_models(make, data):
    """Zeros and clusters are in all kernels of the file."""
    keras.utils.set_random_seed(0)
    before = patterned(make())
    quantized = quantize_aware(before, data, epochs=2, validation=data)
    assert accuracy(quantized.lite, data) == pytest.approx(
        quantized.model.history.history["val_accuracy"][-1], abs=0.02
    )
    for source, result in zip(
        before._flatten_layers(), quantized.model._flatten_layers(), strict=True
    ):
        if isinstance(result, (L.Dense, L.Conv2D)):
            assert np.all(result.kernel.numpy()[source.kernel.numpy() == 0] == 0)
            assert values(result.kernel) <= 8
            for one, other in zip(source.get_weights(), result.get_weights(), strict=True):
                assert np.array_equal(one, other) is not source.trainable
    for codes in constants(quantized.lite).values():
        channels = [codes] if codes.ndim == 2 else codes  # each has a scale of its own
        assert codes.shape[0] == 1 or all(values(channel) <= 8 for channel in channels)


def words(*layers):
    inputs = keras.Input((6,), dtype="int32")
    outputs = L.Embedding(20, 8, name="words")(inputs)
    for layer in layers:
        outputs = layer(outputs)
    model = keras.Model(inputs, L.Dense(2, activation="softmax", name="last")(outputs))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture(scope="module")
def sentences():
    return np.random.default_rng(0).integers(1, 20, (64, 6)), np.arange(64) % 2


def attention():
    layer = L.MultiHeadAttention(2, 4, name="it")
    return lambda x: layer(x, x)


def looping():
    kinds = {kind: kind.lower() for kind in ("LSTM", "GRU")}
    layers = [getattr(L, kind)(4, name=name) for kind, name in kinds.items()]
    layers += [L.Bidirectional(L.SimpleRNN(4), name="both_ways")]
    model = words(lambda x: L.Concatenate()([layer(x) for layer in layers]))
    return model, {**kinds, "Bidirectional": "both_ways"}


def others_unable():
    kinds = {
        kind: kind.lower()
        for kind in ("LayerNormalization", "BatchNormalization", "SeparableConv1D", "Conv1D")
    }
    layers = [
        getattr(L, kind)(*((4, 3) if "Conv" in kind else ()), name=name)
        for kind, name in kinds.items()
    ]
    attention = L.MultiHeadAttention(2, 4, name="attention")
    layers += [lambda x: attention(x, x)]
    model = words(lambda x: L.Concatenate()([L.Flatten()(layer(x)) for layer in layers]))
    return model, {**kinds, "MultiHeadAttention": "attention"}


@pytest.mark.parametrize("make", [looping, others_unable])
def test_layers_that_cannot_be_quantized_are_refused(make, sentences):
    model, layers = make()
    with pytest.raises(CompressionError) as caught:
        quantize_aware(model, sentences)
    for kind, name in {**layers, "Embedding": "words"}.items():
        assert f"'{name}' is a {kind}" in str(caught.value)
        assert f"skip=['{name}'], or take quantize(mode='dynamic')" in str(caught.value)


@pytest.mark.parametrize("make", [looping, others_unable])
def test_layers_that_cannot_be_quantized_are_skipped(make, sentences):
    model, layers = make()
    quantized = quantize_aware(model, sentences, skip=["words", *layers.values()], epochs=1)
    assert quantized.lite.predict(sentences[0]).shape == (64, 2)
    assert any(len(shape) == 2 for shape in constants(quantized.lite))


def test_inputs_and_outputs_by_name(data):
    inputs = {"b": keras.Input((3,), name="b"), "a": keras.Input((3,), name="a")}
    joined = L.Concatenate()([inputs["b"], inputs["a"]])
    outputs = {"two": L.Dense(2, name="two")(joined), "one": L.Dense(1, name="one")(inputs["a"])}
    model = keras.Model(inputs, outputs)
    model.compile("adam", {"two": "mse", "one": "mae"}, metrics={"two": ["mse"]})
    random = np.random.default_rng(0)
    x = {name: random.normal(size=(64, 3)).astype("float32") for name in ("a", "b")}
    y = {"one": x["a"][:, :1], "two": x["b"][:, :2]}
    quantized = quantize_aware(model, (x, y), epochs=1)
    assert {"one_loss", "two_loss", "two_mse"} <= set(quantized.model.history.history)
    expected, found = quantized.model.predict(x, verbose=0), quantized.lite.predict(x)
    for name in ("one", "two"):
        assert np.corrcoef(expected[name].ravel(), found[name].ravel())[0, 1] > 0.99


def test_a_layer_used_twice_is_refused(data):
    layer = L.Dense(8, name="both")
    model = image_model(L.Flatten(), L.Dense(8), layer, layer)
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(CompressionError, match="'both' is used in several places"):
        quantize_aware(model, data)
    quantized = quantize_aware(model, data, skip=["both"], epochs=1)
    assert quantized.lite.predict(data[0]).shape == (512, 4)


def test_an_activation_that_tfmot_does_not_know_is_refused(data):
    model = image_model(L.Flatten(), L.Dense(8, activation="elu", name="it"))
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(CompressionError, match="'it' has the activation 'elu'; expected one of"):
        quantize_aware(model, data)


def test_bad_settings(model, data):
    with pytest.raises(UnknownName, match="did you mean 'hidden_1'"):
        quantize_aware(model, data, skip=["hiden_1"])
    with pytest.raises(CompressionError, match="no layer to quantize has zeros: prune it first"):
        quantize_aware(model, data, keep_zeros=True)
    with pytest.raises(CompressionError, match="has clusters: cluster it first"):
        quantize_aware(model, data, keep_clusters=True)
    with pytest.raises(CompressionError, match="training data are a str"):
        quantize_aware(model, "digits")
    with pytest.raises(CompressionError, match="epochs is 0"):
        quantize_aware(model, data, epochs=0)


def test_models_that_are_not_ready(data):
    with pytest.raises(CompressionError, match=r"call model\.compile"):
        quantize_aware(models.mlp((8, 8, 1)), data)
    unbuilt = keras.Sequential([L.Dense(2)])
    unbuilt.compile("sgd", "mse")
    with pytest.raises(CompressionError, match="is not built"):
        quantize_aware(unbuilt, data)


def test_pruning_a_clustered_model_says_that_it_is_the_wrong_order(stages, data, capsys):
    prune(stages[1], data, 0.5, epochs=1)
    assert "prune before you cluster" in capsys.readouterr().err
