"""tftrain evaluate --stability: what it measures, trains, keeps and refuses."""

import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests import warm_python
from tftrain import training
from tftrain.cli import repeated_trainings
from tftrain.cli.main import main
from tftrain.errors import EvaluationError, TrainingFailed

ONLY_TRAININGS = ("--stability", "--corruptions=none", "--precisions=none")


@pytest.fixture
def run(finished_run, tmp_path):
    """A finished run to write into."""
    return shutil.copytree(finished_run, tmp_path / "run")


@pytest.fixture
def warm(monkeypatch):
    """Trainings are forked from a Python that has imported TensorFlow."""
    monkeypatch.setattr(repeated_trainings, "PYTHON", tuple(warm_python.command()))


def measured(run):
    return json.loads((run / "evaluation.json").read_text())["stability"]


def cases(run, group):
    return [row["case"] for row in measured(run)["rows"] if row["group"] == group]


def test_corruptions_and_precisions_need_no_training(run, capsys):
    flags = ["--stability", "--corruptions=noise", "--precisions=bfloat16,int8"]
    assert main(["evaluate", str(run), *flags]) == 0
    shown = capsys.readouterr().out
    rows = measured(run)["rows"]
    assert [row["strength"] for row in rows] == [1, 2, 3, 4, 5, None, None]
    assert rows[0]["accuracy"] > rows[4]["accuracy"]
    assert cases(run, "precisions") == ["bfloat16", "int8"]
    assert all(abs(row["change"]) < 0.05 for row in rows[5:])
    assert f"{rows[4]['accuracy']:.4f}" in shown
    assert measured(run)["verdict"].split(". ")[0] in shown
    result = json.loads((run / "result.json").read_text())
    assert measured(run)["baseline"]["accuracy"] == pytest.approx(result["test_accuracy"])
    assert not (run / "stability").exists()


def test_trainings_are_done_once_and_kept(run, warm, capfd):
    flags = [*ONLY_TRAININGS, "--seeds=2", "--strategies=mirrored"]
    assert main(["evaluate", str(run), *flags]) == 0
    assert "training 1 of 2: seed 1" in capfd.readouterr().err
    first = measured(run)
    assert cases(run, "seeds") == ["seed 0", "seed 1"]
    assert cases(run, "strategies") == ["mirrored on 2 devices"]
    own, other, mirrored = first["rows"]
    assert own["change"] == 0
    kept = json.loads((run / "stability" / "seed-1" / "result.json").read_text())
    assert other["accuracy"] == pytest.approx(kept["test_accuracy"])
    assert abs(mirrored["change"]) < 0.02  # the same training, but for dropout and rounding

    assert main(["evaluate", str(run), *flags]) == 0
    assert "training" not in capfd.readouterr().err
    assert measured(run) == first


def test_an_interrupted_training_goes_on(run, warm, capfd):
    settings = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**settings, "epochs": 4000}))
    folder = run / "stability" / "seed-1"
    command = ["-m", "tftrain", "evaluate", str(run), *ONLY_TRAININGS, "--seeds=2"]
    with subprocess.Popen(warm_python.command(*command), stderr=subprocess.PIPE) as process:
        wait_for(lambda: lines(folder) > 3, process)
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 130
    assert "the same command goes on from here" in told
    assert json.loads((folder / "result.json").read_text())["status"] == "interrupted"

    done = lines(folder)
    (repetition,) = repeated_trainings.over_seeds(training.RunFolder(run), 2)
    assert repeated_trainings.flags(repetition, run)[0] == "--resume"
    assert 3 < done < 4000


def lines(folder):
    path = folder / "metrics.jsonl"
    return len(path.read_text().splitlines()) if path.exists() else 0


def wait_for(condition, process, limit=60):
    deadline = time.monotonic() + limit
    while not condition():
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_training_that_fails_is_told(run, monkeypatch):
    failing = (sys.executable, "-c", "import sys; sys.exit(3)")
    monkeypatch.setattr(repeated_trainings, "PYTHON", failing)
    repetitions = repeated_trainings.over_seeds(training.RunFolder(run), 2)
    with pytest.raises(TrainingFailed, match="seed 1 ended with exit status 3"):
        repeated_trainings.train(repetitions)


def test_a_training_of_other_settings_is_not_taken_for_it(run):
    (one,) = repeated_trainings.over_seeds(training.RunFolder(run), 2)
    shutil.copytree(run, one.folder.path)
    write(one.folder, one.config)
    assert repeated_trainings.is_finished(one)
    write(one.folder, dataclasses.replace(one.config, epochs=3))
    assert not repeated_trainings.is_finished(one)
    assert "--overwrite" in repeated_trainings.flags(one, run)


def write(folder, config):
    folder.write_json(folder.config, dataclasses.asdict(config))


def test_each_strategy_has_what_it_needs(run):
    settings = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(
        json.dumps({**settings, "strategy": "multiworker", "sync_every": 4, "seed": 2**31 - 1})
    )
    folder = training.RunFolder(run)
    made = repeated_trainings.over_strategies(folder, ["one", "mirrored", "multiworker"])
    assert [(one.config.strategy, one.config.devices, one.workers) for one in made] == [
        ("one", None, 1), ("mirrored", 2, 1), ("multiworker", None, 2),
    ]  # fmt: skip
    assert {one.config.sync_every for one in made} == {None}
    with pytest.raises(EvaluationError, match="trained under strategy 'multiworker'"):
        repeated_trainings.over_seeds(folder, 2)


def test_a_fine_tuned_run_is_not_trained_again(run):
    settings = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**settings, "finetuning": {"source": "other"}}))
    for repeat in (repeated_trainings.over_seeds, repeated_trainings.over_strategies):
        with pytest.raises(EvaluationError, match="was fine-tuned"):
            repeat(training.RunFolder(run), 2)


def test_seeds_go_on_from_the_run_and_begin_again_after_the_largest(run):
    settings = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**settings, "seed": 2**31 - 2}))
    made = repeated_trainings.over_seeds(training.RunFolder(run), 3)
    assert [one.config.seed for one in made] == [2**31 - 1, 0]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--stability", "--seeds=1"], "--seeds=1: one training has no spread"),
        (["--stability", "--seeds=-3"], "expected at least 2"),
        (["--stability", "--corruptions=nois"], "unknown corruption 'nois'; did you mean 'noise'"),
        (["--stability", "--precisions=float31"], "did you mean 'float32'"),
        (["--stability", "--strategies=mirored"], "did you mean 'mirrored'"),
        (["--stability", "--strategies=ps"], "unknown strategy to train again under 'ps'"),
        (["--stability", "--corruptions="], "--corruptions is empty"),
        (["--seeds=3"], "--seeds needs --stability"),
        (ONLY_TRAININGS, "--stability has nothing to measure"),
    ],
)
def test_bad_flags_are_refused_before_any_work(finished_run, flags, message, capsys):
    assert main(["evaluate", str(finished_run), *flags]) == 2
    assert message in capsys.readouterr().err
