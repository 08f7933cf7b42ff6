"""What a training records for reports and for TensorBoard."""

import json
import sys

import pytest

from tests.cli.trainings import train
from tests.event_files import IS_TENSORBOARD_INSTALLED, scalars
from tftrain.cli.main import main


def metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_the_gradient_s_norms_are_recorded_unless_told_otherwise(finished_run, tmp_path):
    for line in metrics(finished_run):
        assert 0 < line["gradient_norm_mean"] <= line["gradient_norm_max"]
    assert train("--epochs=1", "--nogradient_norms", f"--out={tmp_path}/run") == 0
    (line,) = metrics(tmp_path / "run")
    assert "gradient_norm_mean" not in line


def test_measuring_changes_nothing_of_the_training(finished_run, tmp_path):
    assert train("--epochs=2", "--nogradient_norms", f"--out={tmp_path}/run") == 0
    for measured, plain in zip(metrics(finished_run), metrics(tmp_path / "run"), strict=True):
        for name in ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"):
            assert measured[name] == plain[name]


@pytest.mark.skipif(not IS_TENSORBOARD_INSTALLED, reason="tensorboard is not installed")
def test_tensorboard_has_all_of_it_also_after_going_on(tmp_path):
    out = tmp_path / "run"
    assert train("--epochs=2", "--tensorboard", f"--out={out}") == 0
    assert train("--resume", "--epochs=3", "--tensorboard", f"--out={out}") == 0
    lines, board = metrics(out), out / "tensorboard"
    training, validation = scalars(board / "train"), scalars(board / "validation")
    named = ("loss", "accuracy", "learning_rate", "gradient_norm_mean", "gradient_norm_max")
    for name in named:
        expected = {step: line[name] for step, line in enumerate(lines)}
        assert training[f"epoch_{name}"] == pytest.approx(expected, rel=1e-5)
    assert training["resources/examples_per_second"].keys() == {0, 1, 2}
    for name in ("loss", "accuracy"):
        expected = {step: line[f"val_{name}"] for step, line in enumerate(lines)}
        assert validation[f"epoch_{name}"] == pytest.approx(expected)


def test_tensorboard_that_is_not_installed_is_told_before_the_training(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "tensorboard", None)  # as where there is none
    assert main(["train", "--tensorboard", f"--out={tmp_path}/run"]) == 2
    told = capsys.readouterr().err
    assert "--tensorboard needs the package tensorboard, which is not installed" in told
    assert "pip install 'tftrain[tensorboard]'" in told
    assert not (tmp_path / "run").exists()
