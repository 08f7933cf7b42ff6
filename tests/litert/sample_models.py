"""Small models of every kind that is converted, with unequal weights everywhere."""

from __future__ import annotations

from tftrain.compress.tf_keras_api import tf_keras, tfmot
from tftrain.keras_api import keras


def mlp(library=keras):
    return library.Sequential(
        [
            library.layers.Input((6,)),
            library.layers.Dense(40, activation="relu"),
            library.layers.Dropout(0.5),
            library.layers.Dense(40, activation="tanh"),
            library.layers.Dense(3, activation="softmax"),
        ]
    )


def cnn(library=keras):
    layers = library.layers
    inputs = layers.Input((8, 8, 1))
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.MaxPooling2D()(x)
    x = layers.DepthwiseConv2D(3)(x)
    x = layers.Flatten()(x)
    return library.Model(inputs, layers.Dense(4, activation="softmax")(x))


def embedding():
    layers = keras.layers
    inputs = keras.Input((5,), dtype="int32")
    x = layers.GlobalAveragePooling1D()(layers.Embedding(20, 8)(inputs))
    return keras.Model(inputs, layers.Dense(2)(x))


def two_inputs(library=keras):
    """First minus twice the second: the inputs, alike in shape, cannot be exchanged."""
    layers = library.layers
    first, second = (layers.Input((4,), name=name) for name in ("zebra", "ant"))
    doubled = layers.Rescaling(2.0)(second)
    return library.Model([first, second], layers.Subtract()([first, doubled]))


def dicts():
    layers = keras.layers
    inputs = {name: keras.Input((4,), name=name) for name in ("right", "left")}
    joined = layers.Concatenate()([inputs["left"], inputs["right"]])
    outputs = {name: layers.Dense(4, name=f"of_{name}")(joined) for name in ("up", "down")}
    return keras.Model(inputs, outputs)


def two_outputs():
    """Two outputs alike in shape, of which the second is made first."""
    layers = keras.layers
    inputs = keras.Input((4,))
    second = layers.Dense(3, name="a")(inputs)
    first = layers.Dense(3, name="z")(layers.Dense(5)(inputs))
    return keras.Model(inputs, [first, second])


def nested():
    layers = keras.layers
    inputs = keras.Input((6,))
    x = mlp()(inputs)
    return keras.Model(inputs, layers.Dense(2)(mlp_body()(x)))


def mlp_body():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(7, activation="relu")])


def attention():
    layers = keras.layers
    inputs = keras.Input((5, 8))
    x = layers.MultiHeadAttention(2, 4)(inputs, inputs)
    x = layers.LayerNormalization()(x + inputs)
    return keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)))


def mixed_bfloat16():
    layers = keras.layers
    inputs = keras.Input((6,))
    x = layers.Dense(20, activation="relu", dtype="mixed_bfloat16")(inputs)
    return keras.Model(inputs, layers.Dense(3, dtype="mixed_bfloat16")(x))


def fixed_batch():
    inputs = keras.Input(batch_shape=(4, 6))
    return keras.Model(inputs, keras.layers.Dense(3)(inputs))


def recurrent(kind, library=keras, unroll=False):
    layers = library.layers
    inputs = layers.Input((5, 3))
    x = getattr(layers, kind)(6, unroll=unroll)(inputs)
    return library.Model(inputs, layers.Dense(2)(x))


def bidirectional():
    layers = keras.layers
    inputs = keras.Input((5,), dtype="int32")
    x = layers.Embedding(20, 4, mask_zero=True)(inputs)
    x = layers.Bidirectional(layers.LSTM(3))(x)
    return keras.Model(inputs, layers.Dense(2)(x))


def subclassed():
    class Doubling(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, inputs):
            return self.dense(inputs) * 2.0

    model = Doubling()
    model(keras.ops.ones((1, 4)))
    return model


def quantization_aware():
    model = tfmot.quantization.keras.quantize_model(mlp(tf_keras))
    model.compile("adam", "sparse_categorical_crossentropy")
    import numpy as np

    random = np.random.default_rng(0)
    model.fit(random.normal(size=(64, 6)), random.integers(0, 3, 64), verbose=0)
    return model


KERAS_3 = {
    "mlp": mlp,
    "cnn": cnn,
    "embedding": embedding,
    "two_inputs": two_inputs,
    "dicts": dicts,
    "two_outputs": two_outputs,
    "nested": nested,
    "attention": attention,
    "mixed_bfloat16": mixed_bfloat16,
    "fixed_batch": fixed_batch,
    "lstm": lambda: recurrent("LSTM"),
    "gru": lambda: recurrent("GRU"),
    "unrolled_lstm": lambda: recurrent("LSTM", unroll=True),
    "bidirectional": bidirectional,
    "subclassed": subclassed,
}
TF_KERAS = {
    "mlp": lambda: mlp(tf_keras),
    "cnn": lambda: cnn(tf_keras),
    "two_inputs": lambda: two_inputs(tf_keras),
    "lstm": lambda: recurrent("LSTM", tf_keras),
    "gru": lambda: recurrent("GRU", tf_keras),
}
