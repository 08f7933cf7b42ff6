"""Keras 3 models as tf_keras models, and back."""

import numpy as np
import pytest

from tftrain import models
from tftrain.compress import to_keras, to_tf_keras
from tftrain.compress.tf_keras_api import tf_keras
from tftrain.errors import CompressionError
from tftrain.keras_api import keras, tf

L = keras.layers


def sequential(shape, *layers):
    return lambda: keras.Sequential([keras.Input(shape), *(layer() for layer in layers)])


IMAGE, STEPS, VECTOR, VOLUME = (8, 8, 4), (6, 5), (12,), (6, 6, 6, 2)

ONE_LAYER = {
    "dense": (VECTOR, lambda: L.Dense(3, activation="relu")),
    "einsum_dense": (STEPS, lambda: L.EinsumDense("abc,cd->abd", (None, 4), bias_axes="d")),
    "conv1d": (STEPS, lambda: L.Conv1D(3, 2, padding="causal")),
    "conv2d": (IMAGE, lambda: L.Conv2D(3, 3, strides=2, padding="same")),
    "conv2d_groups": (IMAGE, lambda: L.Conv2D(4, 3, groups=2, dilation_rate=2)),
    "conv3d": (VOLUME, lambda: L.Conv3D(2, 2)),
    "conv1d_transpose": (STEPS, lambda: L.Conv1DTranspose(2, 3)),
    "conv2d_transpose": (IMAGE, lambda: L.Conv2DTranspose(2, 3, strides=2)),
    "conv3d_transpose": (VOLUME, lambda: L.Conv3DTranspose(2, 2)),
    "depthwise1d": (STEPS, lambda: L.DepthwiseConv1D(2, depth_multiplier=2)),
    "depthwise2d": (IMAGE, lambda: L.DepthwiseConv2D(3, depth_multiplier=2)),
    "separable1d": (STEPS, lambda: L.SeparableConv1D(3, 2)),
    "separable2d": (IMAGE, lambda: L.SeparableConv2D(3, 3)),
    "batch_normalization": (IMAGE, lambda: L.BatchNormalization(momentum=0.8, epsilon=1e-2)),
    "layer_normalization": (STEPS, lambda: L.LayerNormalization(epsilon=1e-2)),
    "group_normalization": (IMAGE, lambda: L.GroupNormalization(groups=2)),
    "unit_normalization": (VECTOR, lambda: L.UnitNormalization()),
    "max_pooling": (IMAGE, lambda: L.MaxPooling2D(3, strides=2, padding="same")),
    "average_pooling": (IMAGE, lambda: L.AveragePooling2D(2)),
    "global_average": (IMAGE, lambda: L.GlobalAveragePooling2D(keepdims=True)),
    "global_max": (STEPS, lambda: L.GlobalMaxPooling1D()),
    "flatten": (IMAGE, lambda: L.Flatten()),
    "reshape": (VECTOR, lambda: L.Reshape((3, 4))),
    "permute": (STEPS, lambda: L.Permute((2, 1))),
    "repeat_vector": (VECTOR, lambda: L.RepeatVector(3)),
    "cropping": (IMAGE, lambda: L.Cropping2D(((1, 2), (0, 1)))),
    "zero_padding": (IMAGE, lambda: L.ZeroPadding2D((1, 2))),
    "up_sampling": (IMAGE, lambda: L.UpSampling2D(2, interpolation="bilinear")),
    "rescaling": (IMAGE, lambda: L.Rescaling(1 / 255, offset=-0.5)),
    "dropout": (VECTOR, lambda: L.Dropout(0.4, seed=3)),
    "gaussian_noise": (VECTOR, lambda: L.GaussianNoise(0.4)),
    "relu": (VECTOR, lambda: L.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2)),
    "leaky_relu": (VECTOR, lambda: L.LeakyReLU(negative_slope=0.2)),
    "prelu": (IMAGE, lambda: L.PReLU(shared_axes=(1, 2))),
    "elu": (VECTOR, lambda: L.ELU(alpha=0.7)),
    "softmax": (STEPS, lambda: L.Softmax(axis=1)),
    "lstm": (STEPS, lambda: L.LSTM(4, return_sequences=True, go_backwards=True)),
    "gru": (STEPS, lambda: L.GRU(4)),
    "gru_v1": (STEPS, lambda: L.GRU(4, reset_after=False)),
    "simple_rnn": (STEPS, lambda: L.SimpleRNN(4)),
    "bidirectional": (STEPS, lambda: L.Bidirectional(L.LSTM(3), merge_mode="sum")),
    "bidirectional_two": (
        STEPS,
        lambda: L.Bidirectional(L.GRU(3), backward_layer=L.GRU(3, go_backwards=True)),
    ),
    "time_distributed": (STEPS, lambda: L.TimeDistributed(L.Dense(3, activation="tanh"))),
    **{
        f"activation_{name}": (VECTOR, lambda name=name: L.Activation(name))
        for name in ("hard_sigmoid", "relu6", "leaky_relu", "gelu", "silu", "log_softmax", "glu")
    },
}


def residual():
    x = inputs = keras.Input(IMAGE)
    for number in range(2):
        y = L.Conv2D(4, 3, padding="same", name=f"conv_{number}")(x)
        x = L.Add()([x, L.BatchNormalization()(y)])
    return keras.Model(inputs, L.Dense(3)(L.GlobalAveragePooling2D()(x)))


def shared():
    layer, first, second = L.Dense(3, name="both"), keras.Input(VECTOR), keras.Input(VECTOR)
    return keras.Model([first, second], L.Subtract()([layer(first), layer(second)]))


def dictionaries():
    inputs = {"b": keras.Input((3,), name="b"), "a": keras.Input((4,), name="a")}
    joined = L.Concatenate()([inputs["b"], inputs["a"]])
    return keras.Model(inputs, {"two": L.Dense(2)(joined), "one": L.Dense(1)(inputs["a"])})


def nested():
    block = keras.Sequential([keras.Input((5,)), L.Dense(5, name="dense"), L.ReLU()], name="block")
    head = keras.Sequential([keras.Input((5,)), L.Dense(2, name="dense")], name="head")
    inputs = keras.Input((5,))
    return keras.Model(inputs, head(block(block(inputs))))


def masked_words():
    inputs = keras.Input((6,), dtype="int32")
    x = L.Embedding(9, 4, mask_zero=True)(inputs)
    return keras.Model(inputs, L.Dense(2)(L.LSTM(3)(L.Dropout(0.2)(x))))


def masked_steps():
    return keras.Sequential([keras.Input(STEPS), L.Masking(-1.0), L.GRU(4), L.Dense(2)])


def attention():
    inputs = keras.Input(STEPS)
    x = L.MultiHeadAttention(2, 4, dropout=0.1)(inputs, inputs)
    x = L.LayerNormalization()(L.Add()([x, inputs]))
    return keras.Model(inputs, L.Dense(2)(L.GlobalAveragePooling1D()(x)))


def states():
    inputs = keras.Input(STEPS)
    sequence, hidden, cell = L.LSTM(4, return_sequences=True, return_state=True)(inputs)
    return keras.Model(inputs, L.LSTM(4)(sequence, initial_state=[hidden, cell]))


def free_axis():
    return keras.Sequential([keras.Input((None, 5)), L.Conv1D(3, 2), L.GlobalMaxPooling1D()])


def half_precision():
    layers = [L.Dense(8, activation="relu", dtype="mixed_bfloat16"), L.Dense(2, dtype="float32")]
    return keras.Sequential([keras.Input(VECTOR), *layers])


def penalized():
    dense = L.Dense(
        3, kernel_regularizer="l2", kernel_constraint=keras.constraints.MaxNorm(2.0),
        activity_regularizer=keras.regularizers.L1(0.1),
    )  # fmt: skip
    return keras.Sequential([keras.Input(VECTOR), dense])


def partly_frozen():
    model = models.mlp((8,), hidden=(6, 5))
    model.get_layer("hidden_1").trainable = False
    return model


WHOLE = [
    residual, shared, dictionaries, nested, masked_words, masked_steps, attention, states,
    free_axis, half_precision, penalized, partly_frozen,
    lambda: models.cnn((8, 8, 1)), lambda: models.rnn((8, 8, 1)), lambda: models.linear((4,)),
]  # fmt: skip
EVERY = [sequential(shape, layer) for shape, layer in ONE_LAYER.values()] + WHOLE
NAMES = [*ONE_LAYER, *(getattr(f, "__name__", "model") for f in WHOLE)]


@pytest.mark.parametrize("make", EVERY, ids=NAMES)
def test_there_and_back(make):
    """Each conversion compares outputs to 1e-5 itself; the whole way is compared here."""
    model = make()
    randomize(model)
    twin = to_tf_keras(model)
    again = to_keras(twin.model)
    assert [w.shape for w in again.weights] == [w.shape for w in twin.model.weights]
    for ours, theirs in zip(
        keras.tree.flatten(outputs_of(model)), keras.tree.flatten(outputs_of(again)), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def randomize(model):
    """Weights that no initializer gives, so that a mistake in their order shows."""
    random = np.random.default_rng(0)
    for variable in model.weights:
        low = 0.5 if "variance" in variable.name else -1.0
        variable.assign(random.uniform(low, 1.0, variable.shape))


def outputs_of(model):
    random = np.random.default_rng(1)

    def made(tensor):
        shape = [3, *(size or 7 for size in tensor.shape[1:])]
        if "int" in tensor.dtype:
            return random.integers(0, 9, shape)
        return random.standard_normal(shape).astype("float32")

    taken = getattr(model, "_functional", model)._inputs_struct
    outputs = model(keras.tree.map_structure(made, taken), training=False)
    return keras.tree.map_structure(lambda t: np.asarray(keras.ops.cast(t, "float32")), outputs)


def test_statistics_of_batches_are_kept_alike():
    model = keras.Sequential([keras.Input((5,)), L.BatchNormalization(momentum=0.7)])
    twin = to_tf_keras(model).model
    x = np.random.default_rng(0).normal(size=(40, 5)).astype("float32")
    np.testing.assert_allclose(model(x, training=True), twin(x, training=True), atol=1e-5)
    for one, other in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_dropout_of_the_whole_twin_follows_the_call():
    twin = to_tf_keras(sequential((50,), lambda: L.Dropout(0.5))()).model
    x = tf.ones((40, 50))
    assert np.unique(twin(x, training=True)).tolist() == [0.0, 2.0]
    assert np.unique(twin(x)).tolist() == [1.0]


def test_a_constant_training_of_tf_keras_is_refused():
    inputs = tf_keras.Input((4,))
    model = tf_keras.Model(inputs, tf_keras.layers.Dropout(0.5)(inputs, training=True))
    with pytest.raises(CompressionError, match="training= as a constant"):
        to_keras(model)


def test_trainable_flags_come_along():
    twin = to_tf_keras(partly_frozen()).model
    assert not twin.get_layer("hidden_1").trainable
    assert twin.get_layer("hidden_2").trainable
    assert not to_keras(twin).get_layer("hidden_1").trainable


def test_layers_of_nested_models_keep_apart():
    twin = to_tf_keras(nested())
    assert list(twin.layers) == ["dense", "re_lu", "head_dense"] or "head_dense" in twin.layers
    assert len(twin.model.get_layer("dense").inbound_nodes) == 2  # called twice


def test_the_twin_has_weights_of_its_own():
    model = models.mlp((8,))
    twin = to_tf_keras(model).model
    before = model.get_weights()
    twin.set_weights([w + 1 for w in twin.get_weights()])
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_penalties_count_in_the_twin():
    model = sequential((12,), lambda: L.Dense(3, kernel_regularizer="l2"))()
    twin = to_tf_keras(model).model
    assert float(sum(twin.losses)) == pytest.approx(float(sum(model.losses)), rel=1e-5)


@keras.saving.register_keras_serializable("tests")
class Own(keras.layers.Layer):
    def call(self, x):
        return x + 1


class Subclassed(keras.Model):
    def call(self, x):
        return x


def doubled(x):
    return 2 * x


def operations():
    inputs = keras.Input((4,))
    return keras.Model(inputs, L.Dense(2)(keras.ops.sin(inputs)))


def built_subclass():
    model = Subclassed()
    model(np.ones((1, 2)))
    return model


REFUSED = {
    "lambda": (sequential((4,), lambda: L.Lambda(lambda x: x)), "is a Lambda"),
    "own": (sequential((4,), Own), "is a Own, which tf_keras does not know"),
    "operation": (operations, "takes the result of the operation Sin"),
    "unbuilt": (lambda: keras.Sequential([L.Dense(2)]), "is not built"),
    "subclass": (built_subclass, "is a Subclassed, a model written as a class"),
    "activation": (
        sequential((4,), lambda: L.Dense(2, activation=doubled)),
        "expected one of Keras's own, by name",
    ),
    "setting": (
        sequential((4,), lambda: L.Dense(2, lora_rank=1)),
        "has lora_rank=1",
    ),
    "unsupported": (sequential((4,), lambda: L.SpectralNormalization(L.Dense(2))), "expected one"),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_converted_is_refused(make, message):
    with pytest.raises(CompressionError, match=message):
        to_tf_keras(make())


def test_every_layer_in_the_way_is_told():
    model = sequential((4,), lambda: L.Lambda(lambda x: x), lambda: L.Dense(2), Own)()
    with pytest.raises(CompressionError) as caught:
        to_tf_keras(model)
    assert len(caught.value.problems) == 2


def test_weights_that_are_not_numbers_are_refused():
    model = models.mlp((8,))
    model.get_layer("hidden_1").kernel.assign(np.full((8, 128), np.nan))
    with pytest.raises(CompressionError, match=r"hidden_1/kernel.*NaN"):
        to_tf_keras(model)


def test_a_twin_that_computes_something_else_is_refused(monkeypatch):
    model = models.mlp((8,))
    monkeypatch.setattr("tftrain.compress.twin._copy", lambda layer, other: None)
    with pytest.raises(CompressionError, match="differs by"):
        to_tf_keras(model)
