import numpy as np
import pytest

from tftrain import optim
from tftrain.callbacks import WeightAveraging
from tftrain.errors import BadInput, CallbackError
from tftrain.keras_api import keras

X = np.random.default_rng(0).normal(2.0, size=(16, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


class Kept(keras.callbacks.Callback):
    """Keeps the weights at the ends of epochs."""

    def on_train_begin(self, logs=None):
        self.kernels = []

    def on_epoch_end(self, epoch, logs=None):
        self.kernels.append(self.model.layers[-1].kernel.numpy())


def compiled(*layers, **options):
    model = keras.Sequential([keras.Input((3,)), *layers, keras.layers.Dense(1)])
    model.compile(optim.optimizer("sgd", 0.05, **options), "mse")
    return model


def fit(model, *callbacks, epochs=4):
    model.fit(X, Y, batch_size=8, epochs=epochs, verbose=0, callbacks=list(callbacks))


@pytest.mark.parametrize(("every", "chosen"), [(1, [1, 2, 3]), (2, [1, 3])])
def test_the_model_ends_with_the_mean_of_the_last_epochs(every, chosen):
    kept, model = Kept(), compiled()
    fit(model, kept, WeightAveraging(1, every=every))
    expected = np.mean([kept.kernels[i] for i in chosen], axis=0)
    np.testing.assert_allclose(model.layers[-1].kernel.numpy(), expected, rtol=1e-6)
    assert not np.allclose(expected, kept.kernels[-1])


def test_statistics_are_those_of_the_data():
    model = compiled(keras.layers.BatchNormalization())
    fit(model, WeightAveraging(1, batches=[X]))
    np.testing.assert_allclose(model.layers[0].moving_mean.numpy(), X.mean(axis=0), rtol=1e-4)


def test_a_training_that_stopped_early_keeps_its_weights():
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    kept, model = Kept(), compiled()
    fit(model, kept, Stop(), WeightAveraging(2))
    np.testing.assert_array_equal(model.layers[-1].kernel.numpy(), kept.kernels[-1])


@pytest.mark.parametrize(
    ("model", "callback", "message"),
    [
        (compiled, WeightAveraging(4), "the training ends after 4: start earlier"),
        (lambda: compiled(ema=0.9), WeightAveraging(1), "averages weights too"),
        (
            lambda: compiled(keras.layers.BatchNormalization()),
            WeightAveraging(1),
            "give WeightAveraging batches=",
        ),
    ],
)
def test_what_cannot_be_averaged_is_refused(model, callback, message):
    with pytest.raises(CallbackError, match=message):
        fit(model(), callback)


@pytest.mark.parametrize("options", [{"start": -1}, {"start": 1, "every": 0}])
def test_impossible_numbers_are_refused(options):
    with pytest.raises(BadInput, match="expected at least 0 and 1"):
        WeightAveraging(**options)
