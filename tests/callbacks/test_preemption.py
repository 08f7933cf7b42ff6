"""Signals in the midst of a training, and the same script again."""

import contextlib
import os
import signal
import threading
import time

import numpy as np
import pytest

import tftrain
from tftrain.callbacks import Checkpoint, Preemption
from tftrain.checkpoints import CheckpointFolder
from tftrain.errors import BadInput, CallbackError, Preempted
from tftrain.keras_api import keras

X = np.random.default_rng(0).normal(size=(50, 6)).astype("float32")
Y = X[:, :1] * 2


class Signal(keras.callbacks.Callback):
    """Sends this process a signal at the N-th call of a method."""

    needs_every_batch = False

    def __init__(self, method, at, number=signal.SIGTERM):
        super().__init__()
        self._left, self._number = at, number
        setattr(self, method, self._count)

    def _count(self, *args, **kwargs):
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), self._number)


def make_model():
    keras.utils.set_random_seed(3)
    layers = [keras.layers.Dense(5, "tanh"), keras.layers.Dropout(0.3), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((6,)), *layers])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def fit(folder, *others, engine="keras", preemption=None):
    model, preemption = make_model(), preemption or Preemption()
    history = tftrain.fit(
        model, X, Y, batch_size=8, epochs=3, engine=engine, seed=5, verbose=0,
        validation_data=(X, Y), callbacks=[*others, Checkpoint(folder), preemption],
    )  # fmt: skip
    return model, history


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return {e: fit(tmp_path_factory.mktemp(e), engine=e) for e in ("keras", "fused_epoch")}


def assert_same(received, expected):
    (model, history), (wanted, wanted_history) = received, expected
    assert history.history == wanted_history.history
    pairs = zip(model.variables, wanted.variables, strict=True)
    assert all(np.array_equal(one.numpy(), other.numpy()) for one, other in pairs)


@pytest.mark.parametrize(
    ("method", "at", "steps"),
    [
        pytest.param("on_epoch_begin", 1, 0, id="before the first step"),
        pytest.param("on_train_batch_begin", 4, 4, id="within an epoch"),
        pytest.param("on_test_batch_end", 3, 7, id="while validating"),
        pytest.param("on_epoch_end", 2, 14, id="between epochs"),
        pytest.param("on_train_end", 1, 21, id="after the last step"),
    ],
)
def test_the_signal_is_saved_at_and_the_training_goes_on(tmp_path, whole, method, at, steps):
    with pytest.raises(Preempted, match=f"SIGTERM.*up to step {steps};") as raised:
        fit(tmp_path, Signal(method, at))
    assert (raised.value.exit_code, raised.value.step) == (143, steps)
    assert CheckpointFolder(tmp_path).numbers()[-1] == steps
    assert_same(fit(tmp_path), whole["keras"])


def test_compiled_loops_stop_as_well(tmp_path, whole):
    with pytest.raises(Preempted):
        fit(tmp_path, Signal("on_test_batch_end", 1), engine="fused_epoch")
    assert_same(fit(tmp_path, engine="fused_epoch"), whole["fused_epoch"])


def test_every_signal_has_its_exit_code(tmp_path):
    with pytest.raises(Preempted, match="SIGUSR1") as raised:
        fit(tmp_path, Signal("on_epoch_end", 1, signal.SIGUSR1))
    assert raised.value.exit_code == 128 + signal.SIGUSR1


@pytest.mark.parametrize("at", [1, 100])
def test_handlers_are_put_back(tmp_path, at):
    before = signal.getsignal(signal.SIGTERM)
    with contextlib.suppress(Preempted):
        fit(tmp_path, Signal("on_epoch_begin", at))
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_second_signal_is_for_whoever_handled_it_before(monkeypatch):
    received = []
    preemption = Preemption()
    for number in (signal.SIGTERM, signal.SIGUSR1):
        before = signal.signal(number, preemption._note)
        monkeypatch.setitem(preemption._handlers, number, lambda number, frame: received.append(1))
        try:
            for seconds in (0, 0, 2):
                preemption.__dict__["_received_at"] = time.monotonic() - seconds
                os.kill(os.getpid(), number)
        finally:
            signal.signal(number, before)
        preemption._received = None
    assert received == [1, 1]


def test_without_a_checkpoint_before_it_it_is_refused(tmp_path):
    for callbacks in ([Preemption()], [Preemption(), Checkpoint(tmp_path)]):
        with pytest.raises(CallbackError, match="nothing to save with"):
            make_model().fit(X, Y, verbose=0, callbacks=callbacks)


def test_in_a_thread_it_is_refused(tmp_path):
    errors = []

    def train():
        try:
            fit(tmp_path)
        except CallbackError as error:
            errors.append(str(error))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert "main thread" in errors[0]


@pytest.mark.parametrize("name", ["SIGKILL", "TERM", ""])
def test_unknown_signals(name):
    with pytest.raises(BadInput, match="no signal that can be handled"):
        Preemption([name])


def test_compiled_loops_keep_to_the_seconds(tmp_path):
    class Slow(keras.layers.Layer):
        def call(self, x):
            return keras.ops.cast(tf_sleep(x), x.dtype)

    from tftrain.keras_api import tf

    def tf_sleep(x):
        def sleep(value):
            time.sleep(0.01)
            return value

        y = tf.numpy_function(sleep, [x], tf.float32)
        y.set_shape(x.shape)
        return y

    class Ends(keras.callbacks.Callback):
        needs_every_batch = False

        def __init__(self):
            super().__init__()
            self.steps = []

        def on_train_batch_end(self, batch, logs=None):
            self.steps.append(batch + 1)

    model = keras.Sequential([keras.Input((6,)), Slow(), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    ends = Ends()
    data = np.zeros((200, 6), "float32"), np.zeros((200, 1), "float32")
    tftrain.fit(
        model, *data, batch_size=1, epochs=1, engine="fused_epoch", verbose=0, shuffle=False,
        callbacks=[ends, Checkpoint(tmp_path), Preemption(secs=0.2)],
    )  # fmt: skip
    chunks = np.diff([0, *ends.steps])
    assert chunks[0] == 32
    assert max(chunks[1:]) <= 25
