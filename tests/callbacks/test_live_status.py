"""What a training tells of itself while it runs, in every engine."""

import numpy as np
import pytest

import tftrain
from tftrain import live
from tftrain.callbacks import LiveStatus, ResourceMonitor
from tftrain.errors import BadInput
from tftrain.keras_api import keras

X = np.random.default_rng(0).random((512, 8), dtype=np.float32)
Y = X.sum(axis=1, keepdims=True)
ENGINES = ("keras", "multi_step", "fused_epoch", "fused_epoch_xla")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TFTRAIN_LIVE_DIR", str(tmp_path))


class Look(keras.callbacks.Callback):
    """What can be read of this process at the end of each epoch."""

    needs_every_batch = False

    def __init__(self, status):
        super().__init__()
        self.status, self.told = status, []

    def on_epoch_end(self, epoch, logs=None):
        self.status.sample()
        self.told.append(told())


def told():
    """What the only job's only task tells."""
    ((task,),) = (job.tasks for job in live.running())
    return task.told


def fit(*callbacks, **options):
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return tftrain.fit(
        model, X, Y, batch_size=16, epochs=2, verbose=0, callbacks=[*callbacks], **options
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_step_epoch_and_speed(engine):
    monitor = ResourceMonitor(peak_flops=1e9)
    status = LiveStatus(resources=monitor)
    look = Look(status)
    fit(monitor, status, look, engine=engine, validation=(X[:32], Y[:32]))
    first, last = look.told
    assert (first["epoch"], last["epoch"], last["epochs"]) == (1, 2, 2)
    assert (last["step"], last["steps"], last["phase"]) == (32, 32, "validating")
    assert last["examples_per_second"] == pytest.approx(16 * last["steps_per_second"])
    assert last["usage"]["memory_bytes"] > 0
    if engine != "multi_step":  # whose one execution an epoch is over before it is looked at
        assert 0 <= last["input_wait_share"] <= 1
    assert told()["phase"] == "trained"
    status._close()


def test_engines_are_not_kept_from_taking_many_steps_at_a_time():
    calls = []

    class Counting(LiveStatus):
        def on_train_batch_end(self, batch, logs=None):
            calls.append(batch)
            super().on_train_batch_end(batch, logs)

    fit(Counting(), engine="fused_epoch")
    assert calls == [31, 31]


def test_without_validation_the_epochs_end_tells_the_speed():
    status = LiveStatus()
    look = Look(status)
    fit(status, look, engine="keras")
    assert look.told[-1]["examples_per_second"] > 0
    assert look.told[-1]["input_wait_share"] is None
    status._close()


def test_after_an_error_nothing_is_told():
    def fail(epoch, logs):
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fit(LiveStatus(), keras.callbacks.LambdaCallback(on_epoch_end=fail))
    assert live.running() == []


def test_a_runs_folder_has_it(tmp_path):
    status = LiveStatus(tmp_path / "run")
    fit(status)
    assert live.of_run(tmp_path / "run").tasks[0].state() == "trained"
    status._close()


def test_the_same_callback_trains_again():
    status = LiveStatus()
    for _ in range(2):
        fit(status)
        assert told()["phase"] == "trained"
    status._close()


@pytest.mark.parametrize("seconds", [0, float("inf")])
def test_bad_input(seconds):
    with pytest.raises(BadInput, match="every_secs"):
        LiveStatus(every_secs=seconds)
