import numpy as np
import pytest

from tftrain import optim
from tftrain.errors import BadInput
from tftrain.keras_api import keras

X = np.random.default_rng(0).normal(size=(8, 5)).astype("float32")


def dense(units=3):
    return keras.layers.Dense(units)


def sequential():
    return keras.Sequential([keras.Input((5,)), dense(), keras.layers.LayerNormalization()])


def nested():
    x = keras.Input((5,))
    return keras.Model(x, dense(2)(keras.layers.BatchNormalization()(sequential()(x))))


def shared():
    layer, x = dense(5), keras.Input((5,))
    return keras.Model(x, layer(layer(x)))


def recurrent():
    x = keras.Input((5,))
    y = keras.layers.Embedding(4, 3)(x)
    y = keras.layers.Bidirectional(keras.layers.LSTM(2, return_sequences=True))(y)
    y = keras.layers.MultiHeadAttention(2, 2)(y, y)
    return keras.Model(x, keras.layers.GRU(2)(y))


def convolutional():
    x = keras.Input((5,))
    y = keras.layers.Reshape((5, 1))(x)
    y = keras.layers.Conv1D(2, 2)(y)
    y = keras.layers.SeparableConv1D(3, 2)(y)
    y = keras.layers.DepthwiseConv1D(2)(y)
    return keras.Model(x, keras.layers.Flatten()(y))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = dense()

    def call(self, x):
        return self.hidden(x)


def penalty(model, l1, l2):
    kernels = [v.numpy() for v in model.trainable_variables if optim.takes_decay(v)]
    return sum(l1 * np.abs(k).sum() + l2 * np.square(k).sum() for k in kernels)


@pytest.mark.parametrize("make", [sequential, nested, shared, recurrent, convolutional])
def test_kernels_are_penalized_once_also_after_saving(make, tmp_path):
    model = optim.regularize(make(), l1=0.1, l2=0.2)
    assert float(sum(model.losses)) == pytest.approx(penalty(model, 0.1, 0.2), rel=1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert float(sum(again.losses)) == pytest.approx(penalty(model, 0.1, 0.2), rel=1e-5)


def test_the_penalty_is_a_part_of_the_loss_that_is_reported():
    model = sequential()
    model.compile("sgd", "mse")
    y = np.zeros((8, 3), "float32")
    without = model.evaluate(X, y, verbose=0)
    optim.regularize(model, l2=0.5)
    model.compile("sgd", "mse")
    assert model.evaluate(X, y, verbose=0) == pytest.approx(
        without + penalty(model, 0, 0.5), rel=1e-5
    )


def test_a_compiled_and_trained_model_feels_it_at_the_next_step():
    model = sequential()
    model.compile(keras.optimizers.SGD(0.1), "mse")
    y = np.zeros((8, 3), "float32")
    model.fit(X, y, verbose=0)
    optim.regularize(model, l2=5.0)
    before = penalty(model, 0, 1)
    model.fit(X, y, verbose=0)
    assert penalty(model, 0, 1) < 0.1 * before  # w - 0.1 * 2 * 5 w = 0


def test_plain_sgd_with_l2_is_weight_decay():
    y = np.zeros((8, 3), "float32")
    models = []
    for l2, decay in ((0.05, None), (0.0, 0.1)):
        keras.utils.set_random_seed(0)
        model = optim.regularize(sequential(), l2=l2)
        model.compile(optim.optimizer("sgd", 0.1, weight_decay=decay), "mse")
        model.fit(X, y, batch_size=8, epochs=1, verbose=0)
        models.append(model)
    for first, second in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-6)


def test_what_is_not_saved_is_named():
    model = Subclassed()
    model(X)
    with pytest.warns(UserWarning, match=r"hidden|dense.*is not saved with the model"):
        optim.regularize(model, l2=0.1)
    assert float(sum(model.losses)) == pytest.approx(penalty(model, 0, 0.1))


def test_frozen_layers_are_left_alone():
    model = nested()
    model.layers[1].trainable = False
    optim.regularize(model, l2=0.1)
    (loss,) = model.losses
    assert float(loss) == pytest.approx(0.1 * np.square(model.layers[-1].kernel.numpy()).sum())


@pytest.mark.parametrize("wrong", [{"l1": -1}, {"l2": float("nan")}])
def test_impossible_penalties_are_refused(wrong):
    with pytest.raises(BadInput, match="expected 0 or a positive number"):
        optim.regularize(sequential(), **wrong)


def test_a_second_penalty_is_refused():
    model = optim.regularize(sequential(), l2=0.1)
    with pytest.raises(BadInput, match="has a penalty already"):
        optim.regularize(model, l1=0.1)


def test_a_model_without_weights_is_refused():
    with pytest.raises(BadInput, match="build it first"):
        optim.regularize(keras.Sequential([dense()]), l2=0.1)
