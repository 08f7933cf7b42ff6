"""A training that is cut off anywhere, and the same script again."""

import numpy as np
import pytest

import tftrain
from tftrain.callbacks import Checkpoint
from tftrain.keras_api import keras

ENGINES = ("keras", "fused_epoch", "fused_epoch_xla")
X = np.random.default_rng(0).normal(size=(50, 6)).astype("float32")
Y = X[:, :1] * 2


class Cut(Exception):
    pass


class CutAfter(keras.callbacks.Callback):
    """Stands for the power cord; the batches before it are done in pieces of any size."""

    needs_every_batch = True

    def __init__(self, steps):
        super().__init__()
        self._steps = steps

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) >= self._steps:
            raise Cut


def make_model(seed=3, units=5, optimizer="adam"):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(units, "tanh"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(1),
        ]
    )
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def fit(folder, engine="keras", cut=None, epochs=3, others=(), model=None, **options):
    model = model or make_model()
    options = {"every_steps": 2, **options}
    callbacks = [*others, Checkpoint(folder, **options)]
    if cut is not None:
        callbacks.insert(0, CutAfter(cut))
    history = tftrain.fit(
        model, X, Y, batch_size=8, epochs=epochs, engine=engine, seed=5, verbose=0,
        validation_data=(X, Y), callbacks=callbacks,
    )  # fmt: skip
    return model, history


def assert_same(received, expected):
    (model, history), (wanted, wanted_history) = received, expected
    assert history.epoch == wanted_history.epoch
    assert history.history == wanted_history.history
    for one, other in zip(model.variables, wanted.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    for one, other in zip(model.optimizer.variables, wanted.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The training that was never cut off, by engine."""
    made = {}

    def of(engine):
        if engine not in made:
            made[engine] = fit(tmp_path_factory.mktemp("whole"), engine)
        return made[engine]

    return of


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("steps", [1, 3, 7, 12, 14, 19])
def test_what_was_cut_off_goes_on_bit_for_bit(tmp_path, whole, engine, steps):
    with pytest.raises(Cut):
        fit(tmp_path, engine, cut=steps)
    assert_same(fit(tmp_path, engine), whole(engine))


def test_cut_off_twice(tmp_path, whole):
    for steps in (5, 11):
        with pytest.raises(Cut):
            fit(tmp_path, cut=steps)
    assert_same(fit(tmp_path), whole("keras"))
