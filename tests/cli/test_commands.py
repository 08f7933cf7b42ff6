"""evaluate, export, report and doctor on a finished run."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tftrain.cli.main import main

RUN_COMMANDS = [["evaluate"], ["report"], ["export", "--to=unused"]]


def test_evaluate_prints_and_keeps_the_quality(finished_run, capsys):
    assert main(["evaluate", str(finished_run)]) == 0
    shown = capsys.readouterr().out
    result = json.loads((finished_run / "result.json").read_text())
    assert f"accuracy  {result['test_accuracy']:.4f}" in shown
    assert f"loss      {result['test_loss']:.4f}" in shown
    assert "precision  recall     F1  examples" in shown
    kept = json.loads((finished_run / "evaluation.json").read_text())["quality"]
    assert np.array(kept["confusion"]).sum() == 360


def test_export_numbers_its_versions(finished_run, tmp_path, capsys):
    for number in ("1", "2"):
        assert main(["export", str(finished_run), f"--to={tmp_path}/base"]) == 0
        assert capsys.readouterr().out.strip() == f"{tmp_path}/base/{number}"


def test_saved_model_cli_runs_the_export(finished_run, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((3, 8, 8, 1), np.uint8))
    tool = Path(sys.executable).with_name("saved_model_cli")
    subprocess.run(
        [tool, "run", "--dir", finished_run / "saved_model" / "1", "--tag_set", "serve",
         "--signature_def", "serving_default", "--inputs", f"inputs={tmp_path}/x.npy",
         "--outdir", tmp_path],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    np.testing.assert_allclose(np.load(tmp_path / "outputs.npy").sum(axis=1), 1, rtol=1e-5)


def test_report_is_written_again(finished_run, capsys):
    (finished_run / "report.html").unlink()
    assert main(["report", str(finished_run)]) == 0
    page = Path(capsys.readouterr().out.strip())
    assert "Worst mistakes" in page.read_text()


@pytest.mark.parametrize("command", RUN_COMMANDS)
def test_a_folder_that_is_no_run_is_refused(command, tmp_path, capsys):
    assert main([*command, str(tmp_path)]) == 2
    assert "is not a run folder" in capsys.readouterr().err


@pytest.mark.parametrize("command", RUN_COMMANDS)
@pytest.mark.parametrize(("runs", "received"), [([], "none"), (["a", "b"], "2: a b")])
def test_exactly_one_run_is_expected(command, runs, received, capsys):
    assert main([*command, *runs]) == 2
    assert f"expected one run folder, received {received}\n" in capsys.readouterr().err


@pytest.mark.parametrize("command", RUN_COMMANDS)
def test_a_damaged_model_is_named(command, finished_run, tmp_path, capsys):
    shutil.copytree(finished_run, tmp_path / "run")
    (tmp_path / "run" / "model.keras").write_bytes(b"damaged")
    assert main([*command, str(tmp_path / "run")]) == 2
    assert "model.keras cannot be loaded" in capsys.readouterr().err


def test_export_needs_a_target(finished_run, capsys):
    assert main(["export", str(finished_run)]) == 2
    assert "--to is missing" in capsys.readouterr().err


def test_doctor_finds_this_environment_ready(capsys):
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "ready to train" in shown
    assert "CPU:0" in shown


def doctor(**environment):
    return subprocess.run(
        [sys.executable, "-m", "tftrain", "doctor"],
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_doctor_finds_another_backend():
    done = doctor(KERAS_BACKEND="jax")
    assert done.returncode == 1
    assert "FAIL  Keras backend" in done.stdout
    assert "unset KERAS_BACKEND" in done.stdout


def test_doctor_notes_variables_that_change_keras_or_tensorflow():
    done = doctor(TF_USE_LEGACY_KERAS="1", TF_CONFIG="{}")
    assert "note  TF_USE_LEGACY_KERAS" in done.stdout
    assert "note  TF_CONFIG" in done.stdout


@pytest.mark.parametrize(("extra", "package"), [("serving", "aiohttp"), ("sweep", "optuna")])
def test_doctor_notes_a_command_that_lacks_its_extra(extra, package, monkeypatch, capsys):
    from tftrain.training import environment

    installed = environment.version
    monkeypatch.setattr(
        environment, "version", lambda name: None if name == package else installed(name)
    )
    assert main(["doctor"]) == 0
    assert f"{package} missing: pip install 'tftrain[{extra}]'" in capsys.readouterr().out


def test_doctor_names_a_missing_package_and_its_fix(monkeypatch, capsys):
    from tftrain.training import environment

    installed = environment.version
    monkeypatch.setattr(
        environment, "version", lambda name: None if name == "tf-keras" else installed(name)
    )
    assert main(["doctor"]) == 1
    assert "is missing: pip install 'tf-keras" in capsys.readouterr().out
