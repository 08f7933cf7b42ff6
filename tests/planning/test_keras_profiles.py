"""Keras models counted from their graphs, against counts by hand and what Keras itself makes."""

import keras
import pytest

from tftrain import models, optim, planning
from tftrain.errors import BadInput


def layers_of(profile):
    return {layer.name: layer for layer in profile.layers}


@pytest.fixture(scope="module")
def perceptron():
    def build():
        model = keras.Sequential(
            [
                keras.Input((20,)),
                keras.layers.Dense(64, activation="relu", name="first"),
                keras.layers.Dropout(0.5, name="dropout"),
                keras.layers.Dense(30, activation="relu", name="second"),
                keras.layers.Dense(5, name="last"),
            ]
        )
        model.compile("adam", "mse")
        return model

    return planning.profile(build)


def test_parameters_and_operations_of_dense_layers(perceptron):
    layers = layers_of(perceptron)
    assert perceptron.parameters == 20 * 64 + 64 + 64 * 30 + 30 + 30 * 5 + 5
    assert layers["first"].flops == 2 * 20 * 64
    assert perceptron.flops == 2 * (20 * 64 + 64 * 30 + 30 * 5)


def test_only_layers_before_others_pass_gradients_on(perceptron):
    layers = layers_of(perceptron)
    assert (layers["first"].backward, layers["second"].backward) == (1, 2)


def test_what_the_backward_pass_reads_is_kept(perceptron):
    layers = layers_of(perceptron)
    assert layers["first"].kept_split == planning.Kept(64)
    assert layers["dropout"].kept == planning.Kept(64, 64)  # the mask, and what comes out


def test_columns_and_rows_take_turns(perceptron):
    layers = layers_of(perceptron)
    assert (layers["first"].divisor, layers["second"].divisor) == (64, 64)
    assert layers["first"].reduced_backward == 20
    assert layers["second"].reduced_forward == 30


def test_what_a_layer_of_rows_gives_is_reduced_wherever_it_goes():
    def build():
        taken = keras.Input((8,))
        first = keras.layers.Dense(8, name="columns")(taken)
        added = keras.layers.Add()([taken, keras.layers.Dense(8, name="rows")(first)])
        added = keras.layers.Dense(16, name="columns_again")(added)
        return keras.Model(taken, keras.layers.Dense(3, name="last")(added))

    layers = layers_of(planning.profile(build))
    assert layers["rows"].output == 2 * 8  # the shortcut, too
    assert layers["rows"].reduced_forward == 8
    assert layers["last"].reduced_forward == 3  # though no layer comes after it


@pytest.mark.parametrize("name", sorted({*optim.names(), "adam under a loss scale"}))
def test_slots_are_those_that_keras_makes(name):
    known = name.split()[0]

    def build():
        # Of vectors Muon keeps what Adam does.
        model = keras.Sequential([keras.Input((100,)), keras.layers.Dense(200, use_bias=False)])
        optimizer = optim.optimizer(known, 0.1)
        if name != known:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        model.compile(optimizer, "mse")
        return model

    profile = planning.profile(build)
    assert profile.slots == pytest.approx(planning.Training(1, known).slots(profile))


@pytest.mark.parametrize("name", ["adamw", "rmsprop", "lars", "schedule_free_adamw"])
def test_the_optimizer_has_its_own_name(name):
    def build():
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        model.compile(optim.optimizer(name, 0.1), "mse")
        return model

    assert planning.profile(build).optimizer == name.replace("_", "")


def test_convolutions_are_counted_apart_from_other_products():
    profile = planning.profile(lambda: models.cnn((28, 28, 1)))
    first = layers_of(profile)["convolution_1"]
    assert first.convolution_flops == first.flops == 2 * 28 * 28 * 9 * 32
    assert first.output == 28 * 28 * 32
    assert profile.parameters == models.cnn((28, 28, 1)).count_params()


def test_recurrent_layers_are_counted_step_by_step():
    profile = planning.profile(lambda: models.rnn((28, 28)))
    lstm = layers_of(profile)["lstm"]
    units = 128
    assert lstm.flops == pytest.approx(28 * 2 * 4 * units * (28 + units), rel=0.05)
    assert lstm.kept.floats > 28 * 4 * units


def test_attention_with_a_shortcut_that_crosses_cuts():
    def build():
        tokens = keras.Input((16,))
        embedded = keras.layers.Embedding(100, 32, name="embedding")(tokens)
        attended = keras.layers.MultiHeadAttention(4, 8, name="attention")(embedded, embedded)
        added = keras.layers.Add(name="add")([embedded, attended])
        return keras.Model(tokens, keras.layers.Dense(3)(added))

    layers = layers_of(planning.profile(build))
    assert layers["attention"].flops == 2 * 16 * 32 * 32 * 4 + 2 * 2 * 16 * 16 * 32
    assert layers["attention"].divisor == 4
    assert layers["attention"].output == 2 * 16 * 32  # its own, and the shortcut
    assert layers["embedding"].split == 100 * 32


def test_a_built_model_is_the_same_as_what_makes_it():
    model = models.mlp((8, 8, 1))
    model.compile("sgd", "mse")
    profile = planning.profile(model)
    assert profile.layers == planning.profile(lambda: models.mlp((8, 8, 1))).layers
    assert profile.slots == 0


def test_a_model_larger_than_any_memory_takes_none():
    def build():
        layers = [keras.layers.Dense(1_000_000) for _ in range(3)]
        return keras.Sequential([keras.Input((1_000_000,)), *layers])

    assert planning.profile(build).parameters == 3 * (10**12 + 10**6)


def test_precision_is_that_of_the_layers():
    def build():
        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, dtype="mixed_bfloat16")])

    assert planning.profile(build).precision == "mixed_bfloat16"


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        (7, "model is a int; expected a Keras model"),
        (lambda: 7, "returned int"),
        ("transformr:1", "describes no transformer"),
        (lambda: keras.Sequential([keras.layers.Dense(2)]), "no inputs of known shape"),
        (
            lambda: keras.Sequential([keras.Input((None, 3)), keras.layers.LSTM(2)]),
            "expected every size but the batch's to be known",
        ),
    ],
)
def test_what_is_no_model_is_named(subject, said):
    with pytest.raises(BadInput) as caught:
        planning.profile(subject)
    assert said in str(caught.value)
