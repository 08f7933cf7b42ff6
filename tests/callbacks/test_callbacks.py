"""Progress, metrics file and checkpoints, in real trainings of a few steps."""

import io
import json

import numpy as np
import pytest

from tftrain.callbacks import Checkpoint, GradientBytes, MetricsLog, Progress, restore
from tftrain.errors import RunFolderError
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


def test_restored_training_goes_on_bit_for_bit(tmp_path):
    whole = compiled_model()
    fit(whole, epochs=4)
    first = compiled_model()
    fit(first, Checkpoint(tmp_path), epochs=2)
    second = compiled_model(seed=1)
    assert restore(second, tmp_path) == 2
    fit(second, epochs=4, initial_epoch=2)
    for expected, actual in zip(whole.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(expected, actual)


def test_a_scaled_loss_goes_on_bit_for_bit(tmp_path):
    models = [compiled_model(seed) for seed in (0, 1)]
    for model in models:
        scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(), initial_scale=64)
        model.compile(scaled, "mse")
    fit(models[0], Checkpoint(tmp_path), epochs=1)
    fit(models[0], Checkpoint(tmp_path), epochs=2, initial_epoch=1)
    assert restore(models[1], tmp_path) == 2
    for model in models:
        fit(model, epochs=4, initial_epoch=2)
    for expected, actual in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_array_equal(expected, actual)


def test_only_the_newest_checkpoint_is_kept(tmp_path):
    fit(compiled_model(), Checkpoint(tmp_path), epochs=3)
    assert [path.name for path in tmp_path.glob("*.index")] == ["ckpt-3.index"]


def test_a_folder_whose_name_looks_like_a_pattern(tmp_path):
    folder = tmp_path / "run [1] *"
    fit(compiled_model(), Checkpoint(folder), epochs=3)
    assert [path.name for path in folder.glob("*.index")] == ["ckpt-3.index"]
    assert restore(compiled_model(), folder) == 3


def test_a_damaged_checkpoint_is_named(tmp_path):
    fit(compiled_model(), Checkpoint(tmp_path), epochs=1)
    (data,) = tmp_path.glob("*.data*")
    data.write_bytes(data.read_bytes()[:20])
    with pytest.raises(RunFolderError, match="ckpt-1 is damaged or another model's"):
        restore(compiled_model(), tmp_path)


def test_another_model_s_checkpoint_is_refused(tmp_path):
    fit(compiled_model(), Checkpoint(tmp_path), epochs=1)
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    other.compile("adam", "mse")
    with pytest.raises(RunFolderError, match="another model's"):
        restore(other, tmp_path)


def test_a_loss_that_is_no_number_is_null(tmp_path):
    log = MetricsLog(tmp_path / "metrics.jsonl")
    log.set_model(compiled_model())
    log.on_epoch_begin(0)
    log.on_epoch_end(0, {"loss": float("nan")})
    assert json.loads((tmp_path / "metrics.jsonl").read_text())["loss"] is None


def test_nothing_to_restore_is_epoch_zero(tmp_path):
    assert restore(compiled_model(), tmp_path / "none") == 0


def test_one_replica_sends_no_gradients_to_count():
    assert "gradient_bytes" not in fit(compiled_model(), GradientBytes()).history
