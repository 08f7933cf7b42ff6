"""tftrain evaluate: which sections, which figures, what is written."""

import json
import os
import shutil

import numpy as np
import pytest

from tests.cli.trainings import train
from tftrain.cli.main import main


def evaluation(run):
    return json.loads((run / "evaluation.json").read_text())


def test_quality_is_judged_by_default(finished_run, capsys):
    assert main(["evaluate", str(finished_run)]) == 0
    shown = capsys.readouterr().out
    assert "95% interval" in shown
    assert "with temperature" in shown
    assert str(finished_run / "calibration.png") in shown
    kept = evaluation(finished_run)["quality"]
    assert kept["accuracy_interval"][0] < kept["accuracy"] < kept["accuracy_interval"][1]
    assert kept["calibration"]["error_after"] < kept["calibration"]["error"]
    assert (finished_run / "calibration.png").stat().st_size > 10_000


def test_speed_is_added_to_what_is_there(finished_run, capsys):
    assert main(["evaluate", str(finished_run)]) == 0
    quick = ["--rounds=1", "--batches=1,4", "--nostartup"]
    assert main(["evaluate", str(finished_run), "--speed", *quick]) == 0
    assert "examples/s" in capsys.readouterr().out
    found = evaluation(finished_run)
    assert {"quality", "speed"} <= set(found)
    assert [row["batch"] for row in found["speed"]["inference"]] == [1, 4]
    assert found["speed"]["training"]["batch"] == 32
    assert found["speed"]["startup"] is None
    assert (finished_run / "speed.png").stat().st_size > 10_000


def test_a_real_process_is_timed(finished_run, capsys):
    command = ["evaluate", str(finished_run), "--speed", "--rounds=1", "--batches=1"]
    assert main(command) == 0
    assert "s to the first answer" in capsys.readouterr().out
    found = evaluation(finished_run)["speed"]
    assert found["startup"]["import_seconds"] > 0.5  # TensorFlow's
    assert found["peak_memory_bytes"] > 100e6


def test_metrics_by_name_are_told_alone(finished_run, capsys):
    assert main(["evaluate", str(finished_run), "--metrics=f1,top_2,roc_auc"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()[:3]]
    assert names == ["f1", "top_2", "roc_auc"]
    assert set(evaluation(finished_run)["quality"]["metrics"]) == set(names)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--metrics=acuracy"], "unknown metric 'acuracy'; did you mean 'accuracy'?"),
        (["--metrics="], "no metric is named"),
        (["--speed", "--metrics=f1"], "--metrics needs --quality"),
        (["--speed", "--batches=1,many"], "--batches=1,many: expected sizes"),
        (["--speed", "--rounds=0"], "--rounds=0"),
        (["--batches=1"], "--batches needs --speed"),
    ],
)
def test_bad_flags_are_refused_at_once(flags, message, tmp_path, capsys):
    assert main(["evaluate", str(tmp_path / "absent"), *flags]) == 2
    assert message in capsys.readouterr().err


def test_nothing_is_trained_again_of_a_run_without_a_model(finished_run, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(finished_run, run, ignore=shutil.ignore_patterns("model.keras"))
    assert main(["evaluate", str(run), "--stability", "--seeds=2"]) == 2
    assert "has no finished model" in capsys.readouterr().err
    assert not (run / "stability").exists()


def test_a_folder_that_cannot_be_written_to_is_refused_at_once(finished_run, monkeypatch, capsys):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # tests may run as root
    assert main(["evaluate", str(finished_run)]) == 2
    assert "cannot be written to" in capsys.readouterr().err


@pytest.fixture(scope="module")
def run_of_one_class(tmp_path_factory, tiny_mnist):
    """The folder of a run whose test set has examples of class 7 alone."""
    folder = tmp_path_factory.mktemp("one-class")
    train_set = {name: np.concatenate([tiny_mnist[name]] * 5) for name in ("x_train", "y_train")}
    seven = np.full_like(tiny_mnist["y_test"], 7)
    np.savez(folder / "mnist.npz", **train_set, x_test=tiny_mnist["x_test"], y_test=seven)
    data = ("--dataset=mnist", f"--data_dir={folder}", "--epochs=1")
    assert train(*data, f"--out={folder / 'run'}") == 0
    return folder / "run"


def test_a_test_set_of_one_class_is_judged_and_told(run_of_one_class, capsys):
    assert main(["evaluate", str(run_of_one_class)]) == 0
    assert "note: all examples are of class 7" in capsys.readouterr().out


def test_a_metric_that_one_class_does_not_allow_is_refused(run_of_one_class, capsys):
    assert main(["evaluate", str(run_of_one_class), "--metrics=f1,kappa"]) == 2
    assert "kappa compares classes, and all 20 examples are of class 7" in capsys.readouterr().err
