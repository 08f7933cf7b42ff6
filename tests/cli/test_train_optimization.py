"""Optimizer, schedule, clipping and penalties from the command line."""

import json

import pytest

from tests.cli.trainings import metrics, train
from tftrain.cli.main import main
from tftrain.keras_api import keras

FLAGS = [
    "--optimizer=sgd", "--momentum=0.9", "--learning_rate=0.1", "--weight_decay=1e-4",
    "--schedule=cosine", "--warmup=1 epoch", "--clip=global_norm:1", "--accumulate=2",
    "--ema=0.9", "--l2=1e-5", "--dropout=0.1",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    command = ["train", "--noverify_export", "--epochs=4"]  # with a report
    assert main([*command, *FLAGS, f"--out={out}"]) == 0
    return out


def test_the_rate_and_the_gradient_are_logged_each_epoch(run):
    lines = metrics(run)
    rates = [line["learning_rate"] for line in lines]
    assert rates == pytest.approx([0.1, 0.075, 0.025, 0.0], abs=1e-6)
    assert all(line["gradient_norm"] > 0 and 0 <= line["clipped_share"] <= 1 for line in lines)


def test_it_learns(run):
    assert json.loads((run / "result.json").read_text())["test_accuracy"] > 0.8


def test_settings_are_recorded(run):
    config = json.loads((run / "config.json").read_text())
    assert (config["schedule"], config["warmup"], config["clip"]) == (
        "cosine", "1 epoch", "global_norm:1",
    )  # fmt: skip
    assert config["learning_rate"] == 0.1


def test_the_report_draws_the_schedule(run):
    assert "learning rate from 0.1 to" in (run / "report.html").read_text()


def test_the_model_is_read_by_other_commands(run, capsys):
    assert main(["evaluate", str(run)]) == 0
    assert main(["report", str(run)]) == 0


def test_resumed_it_ends_as_if_it_had_never_stopped(run, tmp_path):
    again = tmp_path / "again"

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        import tftrain.callbacks

        patch.setattr(tftrain.callbacks, "Progress", lambda *_: Stop())
        assert main(["train", "--epochs=4", *FLAGS, f"--out={again}"]) == 130
    assert len(metrics(again)) == 2
    assert train("--resume", f"--out={again}") == 0
    assert metrics(again) == metrics(run)


def test_a_rate_is_suggested_and_nothing_else_is_left(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert train("--find_learning_rate", "--schedule=cosine", "--optimizer=sgd") == 0
    first, second = capsys.readouterr().out.splitlines()
    rate = float(first.split("--learning_rate=")[1])
    assert 0.01 < rate < 1
    assert second.split() == ["plot", "runs/digits-mlp-learning-rate.png"]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["digits-mlp-learning-rate.png"]


def test_a_search_makes_no_run(tmp_path, capsys):
    arguments = ["--find_learning_rate", "--resume", f"--out={tmp_path}/x"]
    assert main(["train", *arguments]) == 2
    assert "--find_learning_rate makes no run: leave out --resume" in capsys.readouterr().err


def test_mistakes_are_reported_at_once(capsys):
    wrong = ["--momentum=0.9", "--schedule=cosin", "--warmup=99 epochs", "--clip=nrm:1", "--l2=-1"]
    assert main(["train", *wrong]) == 2
    assert [line.split(": ", 1)[1][:20] for line in capsys.readouterr().err.splitlines()] == [
        "momentum is 0.9, but",
        "l2 is -1.0; expected",
        "unknown schedule 'co",
        "the warm-up of 99 ep",
        "unknown clipping 'nr",
    ]
