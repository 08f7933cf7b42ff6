"""Callbacks are told when fit is left."""

import numpy as np
import pytest

from tftrain.distribute import keras_bridge
from tftrain.distribute.keras_bridge import fit_exit
from tftrain.distribute.keras_bridge.wrapping import suspended
from tftrain.keras_api import keras


class Holding(keras.callbacks.Callback):
    def __init__(self, told, name, breaks=False):
        super().__init__()
        self._told, self._name, self._breaks = told, name, breaks

    def on_epoch_end(self, epoch, logs=None):
        assert self in fit_exit.callbacks_of(self.model)
        if self._breaks:
            raise KeyboardInterrupt

    def on_fit_exit(self):
        self._told.append(self._name)


def fit(*callbacks):
    keras_bridge.install()
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(np.ones((2, 1)), np.ones((2, 1)), verbose=0, callbacks=list(callbacks))


def test_in_reverse_order_at_the_end():
    told = []
    fit(Holding(told, "first"), Holding(told, "second"))
    assert told == ["second", "first"]


def test_after_an_interruption():
    told = []
    with pytest.raises(KeyboardInterrupt):
        fit(Holding(told, "first", breaks=True), Holding(told, "second"))
    assert told == ["second", "first"]


def test_a_failing_one_does_not_keep_others_from_it():
    told = []

    class Failing(Holding):
        def on_fit_exit(self):
            raise OSError("in the way")

    with pytest.raises(OSError, match="in the way"):
        fit(Holding(told, "first"), Failing(told, "second"))
    assert told == ["first"]


def test_keras_alone_tells_nobody_of_an_interruption():
    """The canary: `on_train_end` is called only at a training's own end."""

    class Ending(keras.callbacks.Callback):
        ended = False

        def on_train_end(self, logs=None):
            self.ended = True

        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    ending = Ending()
    with suspended(), pytest.raises(KeyboardInterrupt):
        fit(ending)
    assert not ending.ended
