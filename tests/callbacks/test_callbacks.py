"""Progress, metrics file and checkpoints, in real trainings of a few steps."""

import io
import json

import numpy as np
import pytest

from tftrain.callbacks import GradientBytes, MetricsLog, Progress
from tftrain.keras_api import keras

X = np.linspace(-1, 1, 20, dtype=np.float32).reshape(10, 2)
Y = X.sum(axis=1, keepdims=True)


def compiled_model(seed=0):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(8), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    )
    model.compile("adam", "mse")
    return model


def fit(model, *callbacks, epochs=2, initial_epoch=0):
    return model.fit(
        X, Y, batch_size=4, epochs=epochs, initial_epoch=initial_epoch, shuffle=False, verbose=0,
        callbacks=list(callbacks),
    )  # fmt: skip


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_metrics_log_writes_a_line_an_epoch(tmp_path):
    path = tmp_path / "metrics.jsonl"
    ticks = iter([10.0, 12.5, 20.0, 21.0])
    history = fit(compiled_model(), MetricsLog(path, clock=lambda: next(ticks)))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert [line["seconds"] for line in lines] == [2.5, 1.0]
    assert [line["loss"] for line in lines] == history.history["loss"]
    assert lines[0]["learning_rate"] == pytest.approx(0.001)


def test_progress_shows_epoch_rate_and_time_left(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    fit(compiled_model(), Progress(examples_per_epoch=10, batch_size=4))
    shown = terminal.getvalue()
    assert "epoch 2/2: 100%" in shown
    assert "20.0/20.0" in shown
    assert "examples/s" in shown
    assert "loss=" in shown


def test_progress_of_a_resumed_run_starts_where_it_left(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    fit(compiled_model(), Progress(10, batch_size=4, first_epoch=1), initial_epoch=1)
    assert "50%" in terminal.getvalue().split("\r")[1]


def test_progress_is_silent_without_a_terminal(capfd):
    fit(compiled_model(), Progress(examples_per_epoch=10, batch_size=4))
    assert capfd.readouterr().err == ""


def test_a_loss_that_is_no_number_is_null(tmp_path):
    log = MetricsLog(tmp_path / "metrics.jsonl")
    log.set_model(compiled_model())
    log.on_epoch_begin(0)
    log.on_epoch_end(0, {"loss": float("nan")})
    assert json.loads((tmp_path / "metrics.jsonl").read_text())["loss"] is None


def test_one_replica_sends_no_gradients_to_count():
    assert "gradient_bytes" not in fit(compiled_model(), GradientBytes()).history
