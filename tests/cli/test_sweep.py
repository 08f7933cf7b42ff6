"""tftrain sweep: its flags, the command lines of its trials, and one real sweep."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import warm_python
from tftrain import training
from tftrain.cli import sweep_trials
from tftrain.cli.main import main
from tftrain.errors import ConfigError
from tftrain.sweeps import Trial


@pytest.fixture
def warm(monkeypatch):
    """Trials are forked from a Python that has imported TensorFlow."""
    monkeypatch.setattr(sweep_trials, "PYTHON", tuple(warm_python.command()))


def trial(folder, **settings):
    return Trial(3, settings, 7, Path(folder), Path(f"{folder}.log"))


def words(folder, fixed=(), **settings):
    """The flags that a trial is given."""
    command = sweep_trials.command(fixed)(trial(folder, **settings))
    assert command[1:4] == ["-m", "tftrain", "train"]
    return command[4:]


def test_trials_are_runs_and_the_command_of_the_best_is_told(warm, tmp_path, capfd):
    out = tmp_path / "sweep"
    space = ["--grid=learning_rate=0.01,1e-6", "--seed=5", "--metric=val_loss"]
    assert main(["sweep", *space, f"--out={out}", "--", "--epochs=1", "--engine=keras"]) == 0
    shown, told = capfd.readouterr()
    assert "trial 001 finished: learning_rate=1e-06; val_loss" in told
    best = out / "trials" / "000-0.01"
    config = json.loads((best / "config.json").read_text())
    assert (config["learning_rate"], config["seed"], config["epochs"]) == (0.01, 5, 1)
    assert training.RunFolder.open(best).require_model().is_file()
    lines = [json.loads(line) for line in (best / "metrics.jsonl").read_text().splitlines()]
    record = json.loads((out / "sweep.json").read_text())
    assert record["best"] == "000-0.01"
    assert [one["state"] for one in record["trials"]] == ["finished", "finished"]
    assert record["trials"][0]["value"] == lines[0]["val_loss"]

    (again,) = [line.split(maxsplit=1)[1] for line in shown.splitlines() if "again" in line]
    assert again == "tftrain train --learning_rate=0.01 --seed=5 --epochs=1 --engine=keras"
    capfd.readouterr()
    assert main(["sweep", "--resume", f"--out={out}"]) == 0  # there is nothing left to do
    assert "began" not in capfd.readouterr().err


def test_a_new_trial_is_given_what_is_varied_and_what_is_fixed(tmp_path):
    folder = tmp_path / "trial"
    given = words(folder, ["--epochs=3"], optimizer="adam", dropout=None)
    assert given == [
        "--optimizer=adam",
        "--seed=7",
        "--epochs=3",
        f"--out={folder}",
        "--noverify_export",
    ]


def test_a_trial_that_left_a_checkpoint_goes_on_from_it(tmp_path):
    (tmp_path / "checkpoints" / "step-1").mkdir(parents=True)
    fixed = ["--epochs=3", "--checkpoint_every_steps=5", "--verify_export"]
    given = words(tmp_path, fixed, optimizer="adam")
    assert given == ["--resume", f"--out={tmp_path}", *fixed[1:]]


def test_a_trial_that_left_no_checkpoint_begins_anew(tmp_path):
    folder = tmp_path / "trial"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.json").touch()
    assert "--resume" not in words(folder, optimizer="adam")
    assert not folder.exists()


@pytest.mark.parametrize("fixed", [["--seed=4"], ["--config={}"]])
def test_a_seed_that_is_fixed_holds_for_all_trials(tmp_path, fixed):
    config = tmp_path / "config.json"
    config.write_text('{"seed": 4}')
    given = words(tmp_path / "trial", [each.format(config) for each in fixed], optimizer="adam")
    assert "--seed=7" not in given


def test_a_drawn_combination_that_is_refused_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"momentum is 0\.9, but adam has none"):
        words(tmp_path / "trial", ["--momentum=0.9"], optimizer="adam")


def test_paths_mean_the_same_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.json").write_text("{}")
    fixed = ["--config", "c.json", "--data_dir=d", "--dataset=records:r", "--cache=e", "--epochs=2"]
    assert sweep_trials.settled([*fixed, "--noverify_export"]) == [
        f"--dataset=records:{tmp_path}/r",
        f"--data_dir={tmp_path}/d",
        f"--cache={tmp_path}/e",
        "--epochs=2",
        f"--config={tmp_path}/c.json",
        "--noverify_export",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], ["nothing is varied"]),
        (["--grid=epochs=5"], ["one value only"]),
        (["--grid=epochs=1,2", "--batch_size=8"], ["--batch_size;", "`tftrain train` come after"]),
        (["--grid=lerning_rate=1,2"], ["did you mean 'learning_rate'"]),
        (["--grid=learning_rate"], ["expected NAME=VALUES"]),
        (["--grid=epochs=1,2", "--grid=epochs=3,4"], ["epochs is given twice"]),
        (["--grid=epochs=a,2"], ["--grid=epochs=a,2: 'a' is not a whole number"]),
        (
            ["--grid=epochs=1,2", "--random=dropout=0:0.5", "--parallel=9000", "--memory=1GiB"],
            ["contradict", "cores to share", "this machine has"],
        ),
        (["--grid=epochs=1,2", "--sampler=tpe"], ["needs --random"]),
        (["--grid=epochs=1,2", "--trials=3"], ["a grid of 2 combinations"]),
        (["--random=dropout=0,0.5", "--trials=3"], ["2 combinations only"]),
        (["--random=dropout=0:2"], ["dropout is 2.0"]),
        (["--grid=epochs=1,2", "--trials=0", "--prune=late"], ["--trials=0", "--prune=late"]),
        (["--grid=epochs=1,2", "--memory=much"], ["--memory is 'much'; expected a number with"]),
        (["--grid=epochs=1,2", "--memory=1MB"], ["977 KiB a trial; expected 384 MiB or more"]),
        (["--grid=epochs=1,2", "--retry_failed"], ["needs --resume"]),
        (["--grid=epochs=1,2", "--prune_after=3"], ["--prune_after needs --prune=median"]),
        (["--grid=epochs=1,2", "--out="], ["--out is empty"]),
        (["--grid=epochs=1,2", "--", "--epochs", "0"], ["epochs is varied, and --epochs after --"]),
        (["--grid=epochs=1,2", "--", "--dropot=3", "--out=x"], ["--dropot", "--out cannot"]),
        (["--grid=epochs=1,2", "--", "--dropout=3", "x"], ["dropout is 3.0", "'x'"]),
        (["--grid=optimizer=sgd,adam", "--", "--momentum=0.9"], ["adam has none"]),
        (["--grid=optimizer=sgd,adma", "--grid=epochs=0,1"], ["'adma'", "epochs is 0"]),
        (["--grid=epochs=1,2", "--", "--strategy=ps"], ["one process on this machine"]),
        (["--resume"], ["--resume needs --out"]),
        (["--resume", "--out=nowhere", "--seed=3", "--", "--epochs=3"],
         ["holds no sweep", "--seed cannot be changed", "--epochs=3 cannot be changed"]),
    ],
)  # fmt: skip
def test_bad_input_is_told_before_anything_starts(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", *arguments]) == 2
    told = capsys.readouterr().err
    for each in said:
        assert each in told
    assert not list(tmp_path.iterdir())


def test_each_problem_of_trials_is_told_once(capsys):
    assert main(["sweep", "--grid=epochs=1,2,3", "--grid=learning_rate=-1,-2"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "tftrain sweep: learning_rate is -1.0; expected a positive number",
        "tftrain sweep: learning_rate is -2.0; expected a positive number",
    ]


def test_what_is_fixed_though_it_is_varied_is_told_once(capsys):
    assert main(["sweep", "--grid=epochs=1,2", "--", "--epochs", "0"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_no_trial_that_finishes_is_a_failure(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sweep_trials, "PYTHON", ("false",))
    assert main(["sweep", "--grid=epochs=1,2", f"--out={tmp_path / 'sweep'}"]) == 1
    shown = capsys.readouterr().out
    assert "000-1 failed: exit status 1" in shown
    assert "2 trials: 2 failed" in shown


def test_neither_tensorflow_nor_optuna_is_loaded_for_help():
    code = (
        "import sys, tftrain.cli.sweep; "
        "sys.exit('tensorflow' in sys.modules or 'optuna' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
