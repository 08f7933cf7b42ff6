import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tftrain
from tests import warm_python
from tests.cli.trainings import QUICK, metrics, train
from tftrain import data
from tftrain.cli.main import main
from tftrain.export import verification, verification_cases
from tftrain.training import RunFolder


def complaints(capsys):
    return [line.split(": ", 1)[1] for line in capsys.readouterr().err.splitlines()]


@pytest.fixture(scope="module")
def without_flags(tmp_path_factory):
    """The run folder of a process of `tftrain train`, and what it has said."""
    folder = tmp_path_factory.mktemp("without_flags")
    environ = {**os.environ, "PYTHONPATH": str(Path(tftrain.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-m", "tftrain", "train"],
        cwd=folder, env=environ, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "digits-mlp-1", done


def test_defaults_reach_97_percent_and_leave_everything(without_flags):
    run, done = without_flags
    assert json.loads((run / "result.json").read_text())["test_accuracy"] >= 0.97
    for shown in ("model.keras", "report.html", "saved_model/1"):
        assert f"runs/digits-mlp-1/{shown}" in done.stdout
        assert (run / shown).exists()
    assert "examples/s" in done.stdout
    assert (run / "checkpoints" / f"step-{50 * 41:09d}").is_dir()


def test_config_records_settings_and_versions(finished_run):
    config = json.loads((finished_run / "config.json").read_text())
    assert (config["model"], config["epochs"], config["seed"]) == ("mlp", 2, 0)
    assert config["environment"]["tensorflow"].startswith("2.")


def test_a_run_is_repeated_from_its_config(finished_run, tmp_path):
    again = tmp_path / "again"
    assert train(f"--config={finished_run}/config.json", f"--out={again}") == 0
    assert metrics(again) == metrics(finished_run)


@pytest.mark.parametrize("model", ["linear", "cnn", "rnn"])
def test_every_model_trains(model, tmp_path):
    out = tmp_path / "run"
    assert train(f"--model={model}", "--epochs=1", "--batch_size=64", f"--out={out}") == 0
    assert (out / "model.keras").exists()


def test_settings_come_from_a_yaml_file_and_flags_override_it(tmp_path):
    (tmp_path / "c.yaml").write_text("model: linear\nepochs: 3\noptimizer: sgd\n")
    out = tmp_path / "run"
    assert train(f"--config={tmp_path}/c.yaml", "--epochs=1", f"--out={out}") == 0
    config = json.loads((out / "config.json").read_text())
    assert (config["model"], config["epochs"], config["optimizer"]) == ("linear", 1, "sgd")


def test_data_dir_is_used_and_recorded_absolute(mnist_npz, tmp_path, monkeypatch):
    monkeypatch.chdir(mnist_npz)
    arguments = ["--dataset=mnist", "--data_dir=.", "--epochs=1", "--model=linear"]
    assert main(["train", *arguments, f"--out={tmp_path}/run"]) == 2  # 40 examples, 10 classes
    assert not (tmp_path / "run").exists()


def test_mistakes_are_reported_at_once(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wrong = ["--model=mpl", "--dataset=digts", "--optimizer=adm", "--epochs=0", "--seed=x", "--a"]
    assert main(["train", *wrong]) == 2
    assert [complaint[:24] for complaint in complaints(capsys)] == [
        "--seed=x: expected an in",
        "unknown flag --a; did yo",
        "unknown model 'mpl'; did",
        "unknown dataset 'digts';",
        "unknown optimizer 'adm';",
        "epochs is 0; expected a ",
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resume"], "--resume needs --out"),
        (["--overwrite"], "--overwrite needs --out"),
        (["--overwrite", "--resume", "--out=x"], "contradict each other"),
        (["--resume", "--out=x", "--model=cnn"], "--model cannot be changed by --resume"),
        (["--resume", "--out=x", "--config=y"], "--config cannot be changed by --resume"),
        (["digits"], "unexpected argument 'digits'"),
        (["--force_resume"], "--force_resume needs --resume"),
        (["--preempt_signals=SIGKILL"], "--preempt_signals=SIGKILL: expected names such as"),
    ],
)
def test_contradictory_flags(arguments, message, capsys):
    assert main(["train", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_an_existing_folder_is_refused_before_work(finished_run, capsys):
    assert main(["train", f"--out={finished_run}"]) == 2
    assert complaints(capsys) == [
        f"{finished_run} exists; give another --out, --overwrite to replace it, "
        "or --resume to go on with it"
    ]


def test_overwrite_replaces_the_run(finished_run, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(finished_run, out)
    assert train("--epochs=1", f"--out={out}", "--overwrite") == 0
    assert len(metrics(out)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_overwrite_with_unreadable_data_leaves_the_run_whole(finished_run, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(finished_run, out)
    (tmp_path / "mnist.npz").write_bytes(b"damaged")
    arguments = ["--dataset=mnist", f"--data_dir={tmp_path}", f"--out={out}", "--overwrite"]
    assert main(["train", *arguments]) == 2
    assert metrics(out) == metrics(finished_run)
    assert not (tmp_path / "run.previous").exists()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What the finished run is when it has been lengthened by an epoch: one of three."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert train("--epochs=3", f"--out={out}") == 0
    return out


def test_resume_lengthens_a_run_as_if_it_had_been_one(finished_run, whole, tmp_path):
    longer = tmp_path / "longer"
    shutil.copytree(finished_run, longer)
    RunFolder(longer).add_evaluation(quality={"accuracy": 1.0})
    assert train("--resume", "--epochs=3", f"--out={longer}") == 0
    assert metrics(longer) == metrics(whole)
    assert RunFolder(longer).read_evaluation() == {}  # that was the shorter one's
    assert not RunFolder(longer).report.exists()  # likewise, and none was asked for


def test_config_records_the_learning_rate_that_was_used(finished_run):
    assert json.loads((finished_run / "config.json").read_text())["learning_rate"] == 0.001


def test_a_run_with_a_small_rate_is_repeated(tmp_path):
    first, again = tmp_path / "first", tmp_path / "again"
    assert train("--epochs=1", "--learning_rate=0.00001", f"--out={first}") == 0
    assert train(f"--config={first}/config.json", f"--out={again}") == 0
    assert metrics(again) == metrics(first)


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files}


@pytest.mark.parametrize("gone", ["checkpoints", "metrics.jsonl"])
def test_resume_of_a_damaged_run_changes_nothing(gone, finished_run, tmp_path, capsys):
    out = tmp_path / "run"
    shutil.copytree(finished_run, out)
    (shutil.rmtree if (out / gone).is_dir() else os.unlink)(out / gone)
    before = contents(out)
    assert main(["train", "--resume", "--epochs=3", f"--out={out}"]) == 2
    assert "the folder is damaged" in capsys.readouterr().err
    assert contents(out) == before


def test_a_damaged_newest_checkpoint_costs_an_epoch_and_no_line(
    finished_run, whole, tmp_path, capsys
):
    out = tmp_path / "run"
    shutil.copytree(finished_run, out)
    newest = max(out.glob("checkpoints/step-*"))
    (newest / "state.json").write_text("{")
    assert train("--resume", "--epochs=3", f"--out={out}") == 0
    assert "state.json is damaged" in capsys.readouterr().err
    assert metrics(out) == metrics(whole)


def test_a_run_that_was_killed_while_it_exported_ends(finished_run, tmp_path, capsys):
    out = tmp_path / "run"
    shutil.copytree(finished_run, out)
    (out / "saved_model" / ".tmp-20914651-2").mkdir()
    assert train("--resume", f"--out={out}") == 0
    told = capsys.readouterr().out
    assert f"SavedModel     {out}/saved_model/2" in told
    assert "report" not in told


def test_an_export_that_answers_otherwise_is_not_published_and_the_run_is_kept(
    finished_run, tmp_path, monkeypatch, capsys
):
    def other(*arguments):
        return [verification.Case("serving_default", {"inputs": np.zeros((1, 8, 8, 1))}, {})]

    out = tmp_path / "run"
    shutil.copytree(finished_run, out)
    monkeypatch.setattr(verification_cases, "cases", other)
    assert main(["train", "--resume", "--epochs=3", f"--out={out}"]) == 1
    assert "its input 'inputs' is uint8, and was given float64" in capsys.readouterr().err
    assert [path.name for path in (out / "saved_model").glob("[0-9]*")] == ["1"]
    assert json.loads((out / "result.json").read_text())["status"] == "finished"
    assert main(["evaluate", str(out)]) == 0


def test_other_settings_are_gone_on_with_by_force(finished_run, tmp_path, capsys):
    out = tmp_path / "run"
    shutil.copytree(finished_run, out)
    resume = ["--resume", "--force_resume", "--epochs=3", f"--out={out}"]
    assert train(*resume, "--model=linear") == 2
    config = json.loads((out / "config.json").read_text())
    assert (config["model"], config["epochs"]) == ("mlp", 2)  # refused and as before
    assert train(*resume, "--seed=1") == 0
    assert "going on in spite of differences: order of the data" in capsys.readouterr().err
    assert [line["epoch"] for line in metrics(out)] == [1, 2, 3]


def test_other_data_under_the_same_name_are_refused(tmp_path, tiny_mnist, capsys):
    out, arrays = tmp_path / "run", {name: np.repeat(a, 3, 0) for name, a in tiny_mnist.items()}
    source = ["--dataset=mnist", f"--data_dir={tmp_path}", "--model=linear", "--epochs=1"]
    np.savez(tmp_path / "mnist.npz", **arrays)
    assert train(*source, f"--out={out}") == 0
    np.savez(tmp_path / "mnist.npz", **{**arrays, "x_train": 255 - arrays["x_train"]})
    assert main(["train", "--resume", "--epochs=2", f"--out={out}"]) == 2
    assert "contents of the data: 'float32[" in capsys.readouterr().err


def test_another_record_set_in_the_same_folder_is_refused(tmp_path, capsys):
    records, out = tmp_path / "records", tmp_path / "run"
    write = ["data", "write", "--from=digits", f"--to={records}"]
    settings = [f"--dataset=records:{records}", "--model=linear", "--epochs=1"]
    assert main(write) == 0
    assert train(*settings, f"--out={out}") == 0
    shutil.rmtree(records)
    assert main([*write, "--seed=1"]) == 0
    assert main(["train", "--resume", "--epochs=2", f"--out={out}"]) == 2
    assert "contents of the data: '8 shards of digest" in capsys.readouterr().err


def test_a_folder_that_a_kill_left_empty_is_used(tmp_path):
    assert train("--epochs=1", "--model=linear", f"--out={tmp_path}") == 0
    assert (tmp_path / "model.keras").exists()


def test_a_run_in_training_is_not_touched(finished_run, tmp_path, capsys):
    out = tmp_path / "run"
    shutil.copytree(finished_run, out)
    with RunFolder(out).locked():
        for how in ("--resume", "--overwrite"):
            assert main(["train", how, "--epochs=3", f"--out={out}"]) == 2
            assert "another process is training" in capsys.readouterr().err
    assert len(metrics(out)) == 2


def test_overwrite_of_what_is_no_run_is_refused_before_work(tmp_path, capsys):
    assert main(["train", "--overwrite", f"--out={tmp_path}"]) == 2
    assert complaints(capsys) == [f"{tmp_path} is not a run folder: it holds no config.json"]


def test_a_home_folder_is_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert train("--epochs=1", "--model=linear", "--out=~/run") == 0
    assert (tmp_path / "run" / "model.keras").exists()


def test_divergence_is_told_and_kept_as_json(tmp_path, capsys):
    out = tmp_path / "run"
    rate = ["--optimizer=sgd", "--learning_rate=1e30", "--epochs=1"]
    assert main(["train", *rate, f"--out={out}"]) == 0  # NaN is exported like any answer
    assert "training diverged" in capsys.readouterr().out
    assert json.loads((out / "result.json").read_text())["test_loss"] is None


def test_resume_cannot_shorten(finished_run, capsys):
    assert main(["train", "--resume", "--epochs=1", f"--out={finished_run}"]) == 2
    assert "has 2 epochs behind it; --epochs=1 is fewer" in capsys.readouterr().err


def test_ctrl_c_leaves_a_run_that_resumes(tmp_path, capsys):
    out = tmp_path / "run"
    command = warm_python.command("-m", "tftrain", *QUICK, "--epochs=2000", f"--out={out}")
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 90
        while not ((out / "metrics.jsonl").exists() and len(metrics(out)) >= 3):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert f"go on with: tftrain train --resume --out={out}" in error
    assert "Traceback" not in error
    done = json.loads((out / "result.json").read_text())
    assert done["status"] == "interrupted"
    assert main(["evaluate", str(out)]) == 2
    assert "the run is interrupted" in capsys.readouterr().err
    epochs = len(metrics(out)) + 1
    config = json.loads((out / "config.json").read_text())
    (out / "config.json").write_text(json.dumps({**config, "epochs": epochs}))
    assert train("--resume", f"--out={out}") == 0
    assert [line["epoch"] for line in metrics(out)] == list(range(1, epochs + 1))


def test_no_terminal_no_bar(without_flags):
    strategy, reading, engine = without_flags[1].stderr.splitlines()
    assert strategy.startswith("tftrain: strategy ")
    assert reading == "reading digits ..."
    assert re.match(r"tftrain: engine fused_epoch(_xla)? \(", engine)  # whichever is quicker here


def test_another_backend_is_refused(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tftrain", "train", f"--out={tmp_path}/run"],
        capture_output=True, text=True, timeout=120, env={**os.environ, "KERAS_BACKEND": "jax"},
    )  # fmt: skip
    assert done.returncode == 2
    assert "KERAS_BACKEND is 'jax'" in done.stderr
    assert not (tmp_path / "run").exists()


def test_probabilities_of_the_saved_model_are_finite(finished_run):
    from tftrain.keras_api import keras

    model = keras.saving.load_model(finished_run / "model.keras")
    assert np.isfinite(model.predict(np.zeros((1, 8, 8, 1)), verbose=0)).all()


@pytest.fixture(scope="module")
def record_set(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets") / "some"
    data.records.write("digits", folder, shards=3, validation=0.1)
    return folder


def test_a_record_set_is_trained_on(record_set, tmp_path, monkeypatch):
    monkeypatch.chdir(record_set.parent)
    settings = ["--epochs=2", "--model=linear", "--learning_rate=0.05", "--augment=translate"]
    assert train("--dataset=records:some", "--cache=memory", *settings) == 0
    run = record_set.parent / "runs" / "some-linear-1"
    config = json.loads((run / "config.json").read_text())
    assert config["dataset"] == f"records:{record_set}"
    assert json.loads((run / "result.json").read_text())["test_accuracy"] > 0.5
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", str(run)]) == 0


def test_a_damaged_record_stops_training_in_one_line(record_set, tmp_path, capsys):
    folder = tmp_path / "damaged"
    shutil.copytree(record_set, folder)
    shard = min(folder.glob("train-*"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    assert main(["train", f"--dataset=records:{folder}", f"--out={tmp_path}/run"]) == 1
    assert f"tftrain train: {shard} is damaged: record" in capsys.readouterr().err.splitlines()[-1]


def test_a_resumed_run_augments_as_an_uninterrupted_one(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    settings = ["--model=linear", "--augment=flip,mixup"]
    assert train(*settings, "--epochs=2", f"--out={whole}") == 0
    assert train(*settings, "--epochs=1", f"--out={parts}") == 0
    assert train("--resume", "--epochs=2", f"--out={parts}") == 0
    assert metrics(parts) == metrics(whole)


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--augment=flop", "unknown augmentation 'flop'; did you mean 'flip'?"),
        ("--dataset=records:", "dataset is 'records:'; expected a folder after it"),
        ("--dataset=records:nowhere", "nowhere is no folder; expected a record set"),
        ("--cache=elsewhere", "cache is 'elsewhere', but the dataset is 'digits'"),
    ],
)
def test_wrong_data_settings_are_one_line(flag, said, tmp_path, capsys):
    assert main(["train", flag, f"--out={tmp_path}/run"]) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "run").exists()
