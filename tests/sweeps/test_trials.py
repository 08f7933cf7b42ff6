"""Trials as real processes, of a program that is quick to start."""

import csv
import io
import json
import os
import signal
import subprocess
import sys

import psutil
import pytest

from tests import launched_job
from tests.sweeps.conftest import TRAINER, training
from tests.waiting import wait_until
from tftrain import sweeps
from tftrain.distribute import cores
from tftrain.errors import SweepError
from tftrain.sweeps import machine, running, study

QUIET = {"output": io.StringIO(), "metric": "loss"}
needs_two_cores = pytest.mark.skipif(len(cores.usable()) < 2, reason="one core cannot be shared")


def by_setting(sweep, name):
    return {trial.settings[name]: trial for trial in sweep.trials}


def record(out):
    return json.loads((out / "sweep.json").read_text())


def test_every_combination_is_trained_and_the_best_is_found(out):
    output = io.StringIO()
    space = {"loss": [3.0, 1.0], "epochs": [1, 4]}
    sweep = sweeps.run(space, training(), out, output=output, metric="loss")
    assert sweep.best.settings == {"loss": 1.0, "epochs": 4}
    assert (sweep.best.value, sweep.best.best_epoch) == (1.25, 4)
    assert [trial.seed for trial in sweep.trials] == [0, 1, 2, 3]
    assert record(out)["best"] == "003-1.0-4"
    rows = list(csv.DictReader((out / "trials.csv").read_text().splitlines()))
    assert [row["trial"] for row in rows if row["epochs"] == "1"] == ["000-3.0-1", "002-1.0-1"]
    assert (out / "sweep.png").stat().st_size > 10_000
    lines = output.getvalue().splitlines()
    assert lines[0] == "trial 000 began: loss=3 epochs=1"
    assert lines[1].startswith("trial 000 finished: loss=3 epochs=1; loss 4.0000 in epoch 1; ")


def test_a_trial_that_fails_hurts_no_other_and_says_why(out):
    ends = ["badly", "killed", "diverged", "silent", "well"]
    sweep = sweeps.run({"end": ends}, training(), out, **QUIET)
    found = by_setting(sweep, "end")
    assert [found[end].state for end in ends] == [*["failed"] * 4, "finished"]
    assert found["badly"].reason == "exit status 1: the data are not there"
    assert found["killed"].reason.startswith("killed by SIGKILL")
    assert found["diverged"].reason == "loss is not a number: diverged in epoch 3"
    assert found["silent"].reason == "it ended without a line in metrics.jsonl"
    assert sweep.best is found["well"]
    assert found["badly"].log.read_text() == "the data are not there\n"


def test_a_trial_over_its_memory_fails(out):
    sweep = sweeps.run(
        {"end": ["greedy", "well"]}, training(), out, memory_bytes=600 << 20, **QUIET
    )
    found = by_setting(sweep, "end")
    assert found["greedy"].reason.startswith("out of memory: it used")
    assert found["well"].state == "finished"


def test_a_trial_that_does_not_end_when_asked_is_killed(out):
    sweep = sweeps.run({"end": ["stubborn", "well"]}, training(), out, grace_seconds=0.1, **QUIET)
    assert [trial.state for trial in sweep.trials] == ["failed", "finished"]


def test_a_metric_that_is_not_there_is_said(out):
    sweep = sweeps.run({"loss": [1.0, 2.0]}, training(), out, output=io.StringIO())
    assert sweep.best is None
    assert sweep.trials[0].reason.startswith(
        "metrics.jsonl has no val_accuracy; it has loss, other"
    )


def test_a_trial_is_no_task_of_the_cluster_that_the_sweep_is_one_of(out, monkeypatch):
    """It would wait for other tasks."""
    for name in ("TF_CONFIG", "SLURM_STEP_NODELIST", "OTHER"):
        monkeypatch.setenv(name, "1")
    code = "import os; print(*(name for name in sorted(os.environ) if os.environ[name] == '1'))"
    sweep = sweeps.run({"x": [1, 2]}, lambda trial: [sys.executable, "-c", code], out, **QUIET)
    told = sweep.trials[0].log.read_text().split()
    assert "OTHER" in told
    assert not {"TF_CONFIG", "SLURM_STEP_NODELIST"} & {*told}


@pytest.mark.parametrize(
    "sweep_job",
    [
        {"SLURM_JOB_ID": "17", "SLURM_RESTART_COUNT": "1"},
        {"TFTRAIN_JOB": "digits", "TFTRAIN_RESTART": "1"},
    ],
)
def test_each_trial_is_a_job_of_its_own_in_its_first_start(out, monkeypatch, sweep_job):
    """Else `tftrain top` would take them for one, and they themselves for started again."""
    for name, value in sweep_job.items():
        monkeypatch.setenv(name, value)
    code = "from tftrain.distribute import restarts; print(restarts.job(), restarts.restarts())"
    sweep = sweeps.run({"x": [1, 2]}, lambda trial: [sys.executable, "-c", code], out, **QUIET)
    told = [trial.log.read_text().split() for trial in sweep.trials]
    assert told[0][0] != told[1][0]
    assert [restart for _, restart in told] == ["0", "0"]


def test_a_program_that_is_missing_is_said(out):
    sweep = sweeps.run({"x": [1, 2]}, lambda trial: ["/nowhere/to/be/found"], out, **QUIET)
    assert (
        sweep.trials[1].reason
        == "it cannot be started: /nowhere/to/be/found: No such file or directory"
    )


def test_a_program_that_may_not_be_run_is_said(out, tmp_path):
    (tmp_path / "data").touch(mode=0o600)
    sweep = sweeps.run({"x": [1, 2]}, lambda trial: [str(tmp_path / "data")], out, **QUIET)
    assert sweep.trials[0].reason == f"it cannot be started: {tmp_path}/data: Permission denied"


def test_trials_are_spared_what_libraries_do_at_a_fork(out):
    """As gRPC, whose threads now and then make the child abort."""
    script = f"""
import os
from tests.sweeps.conftest import training
from tftrain import sweeps

os.register_at_fork(after_in_child=os.abort)
sweep = sweeps.run({{"loss": [1.0, 2.0]}}, training(), {str(out)!r}, metric="loss")
print([trial.state for trial in sweep.trials])
"""
    done = launched_job.run(["-c", script])
    assert done.output.splitlines()[-1] == "['finished', 'finished']", done.output


@pytest.mark.parametrize("prune", ["median", "halving"])
def test_a_bad_trial_is_stopped_early(out, prune):
    losses = [0.0, 0.1, 0.2, 0.3, 9.0]
    sweep = sweeps.run({"loss": losses}, training(epochs=30), out, prune=prune, **QUIET)
    bad = sweep.trials[-1]
    assert bad.state == "stopped"
    assert 1 <= bad.epochs < 30
    assert bad.reason.startswith("worse than others after epoch")
    assert sweep.best.settings == {"loss": 0.0}
    assert sweep.best.epochs == 30


@needs_two_cores
def test_trials_side_by_side_have_cores_of_their_own(out):
    sweep = sweeps.run({"loss": [1.0, 2.0, 3.0]}, training(), out, parallel=2, pin=True, **QUIET)
    found = [json.loads((one.folder / "cores.json").read_text()) for one in sweep.trials]
    (first, threads), (second, _), (third, _) = found
    assert not set(first) & set(second)
    assert third in (first, second)  # the first place that was left
    assert threads == str(len(first))


@needs_two_cores
@pytest.mark.parametrize(("busy", "said"), [(0.0, ""), (100.0, "trials are not pinned to cores")])
def test_unasked_trials_are_pinned_where_nothing_else_runs(busy, said, monkeypatch, capsys):
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval, percpu: [busy] * 1024)
    shares = machine.divided(2)
    assert [bool(one.cores) for one in shares] == [not busy] * 2
    assert all(one.threads for one in shares)
    assert said in capsys.readouterr().err


@needs_two_cores
def test_trials_that_are_not_pinned_have_pools_of_their_shares_size(out):
    sweep = sweeps.run({"loss": [1.0, 2.0]}, training(), out, parallel=2, pin=False, **QUIET)
    for one in sweep.trials:
        used, threads = json.loads((one.folder / "cores.json").read_text())
        assert used == list(cores.usable())
        assert int(threads) == len(used) // 2


@needs_two_cores
def test_as_many_run_side_by_side_as_are_asked_for(out):
    counts = []

    def command(trial):
        counts.append(sum(one["state"] == "running" for one in record(out)["trials"]))
        return training(epochs=10)(trial)

    sweeps.run({"loss": [1.0, 2.0, 3.0, 4.0]}, command, out, parallel=2, **QUIET)
    assert counts[:2] == [0, 1]  # others than the one that begins
    assert max(counts) == 1


def interrupted(out, number):
    """A sweep that gets a signal as its second trial begins."""

    def command(trial):
        if trial.number == 1:
            os.kill(os.getpid(), number)
            return training(end="hangs")(trial)
        return training()(trial)

    return sweeps.run({"loss": [1.0, 2.0, 3.0]}, command, out, **QUIET)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_pauses_the_sweep_and_it_goes_on(out, number):
    before = signal.getsignal(number)
    sweep = interrupted(out, number)
    assert signal.getsignal(number) is before
    assert sweep.signal == number
    assert [one.state for one in sweep.trials] == ["finished", "paused", "waiting"]
    kept = (sweep.trials[0].folder / "metrics.jsonl").stat()

    again = sweeps.resume(out, training(), output=io.StringIO())
    assert [(one.state, one.reason) for one in again.trials] == [("finished", "")] * 3
    assert [one.epochs for one in again.trials] == [2, 2, 2]
    assert (again.trials[0].folder / "metrics.jsonl").stat() == kept
    assert again.trials[0].seconds == pytest.approx(sweep.trials[0].seconds, abs=0.01)


def test_a_killed_sweep_takes_its_trials_along_and_goes_on(out):
    code = (
        "import sys\nfrom pathlib import Path\nfrom tests.sweeps.conftest import training\n"
        "from tftrain import sweeps\n"
        "sweeps.run({'loss': [1.0, 2.0]}, training(end='hangs'), sys.argv[1], metric='loss')"
    )
    root = TRAINER.parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(out)], cwd=root, stderr=subprocess.DEVNULL
    )
    lines = out / "trials" / "000-1.0" / "metrics.jsonl"
    wait_until(lambda: lines.exists() and lines.read_text().count("\n") == 2)
    process.kill()
    process.wait()
    assert record(out)["trials"][0]["state"] == "running"
    wait_until(lambda: not others_with(str(lines.parent)))
    sweep = sweeps.resume(out, training(), output=io.StringIO())
    assert [one.state for one in sweep.trials] == ["finished"] * 2


def others_with(word):
    """Processes with this word on their command line."""
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    return [line for line in found.splitlines() if word in line]


def test_trials_are_added_to_those_there_are(out):
    space = {"loss": sweeps.Range(0.0, 1.0)}
    first = sweeps.run(space, training(), out, trials=2, **QUIET)
    more = sweeps.resume(out, training(), trials=3, output=io.StringIO())
    assert [one.value for one in more.trials[:2]] == [one.value for one in first.trials]
    assert more.asked.trials == 3
    alone = sweeps.run(space, training(), out.with_name("alone"), trials=3, **QUIET)
    assert [one.settings for one in alone.trials] == [one.settings for one in more.trials]


def test_values_are_added_to_a_grid(out):
    sweeps.run({"loss": [1.0, 2.0]}, training(), out, **QUIET)
    more = sweeps.resume(
        out, training(), space={"loss": sweeps.Choices((2.0, 0.5))}, output=io.StringIO()
    )
    assert [one.settings["loss"] for one in more.trials] == [1.0, 2.0, 0.5]
    assert more.best.number == 2


def test_failed_trials_are_run_again_only_if_asked(out):
    first = sweeps.run({"end": ["once", "well"]}, training(), out, **QUIET)
    assert first.trials[0].state == "failed"
    assert sweeps.resume(out, training(), output=io.StringIO()).trials[0].state == "failed"
    again = sweeps.resume(out, training(), retry_failed=True, output=io.StringIO())
    assert again.trials[0].state == "finished"
    assert again.trials[0].reason == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trials": 1}, "2 combinations"),
        ({"space": {"end": ["well"]}}, "settings cannot"),
    ],
)
def test_what_cannot_be_changed(out, changes, said):
    sweeps.run({"loss": [1.0, 2.0]}, training(), out, **QUIET)
    with pytest.raises(SweepError, match=said):
        sweeps.resume(out, training(), **changes)


def test_a_sweep_in_use_is_not_touched(out):
    sweeps.run({"loss": [1.0, 2.0]}, training(), out, **QUIET)
    with running.SweepFolder(out).locked(), pytest.raises(SweepError, match="another sweep"):
        sweeps.resume(out, training())
    with pytest.raises(SweepError, match="--resume to go on"):
        sweeps.run({"loss": [1.0, 2.0]}, training(), out, **QUIET)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot be read"),
        ("{}", "damaged"),
        ('{"version": 9, "asked": {}, "trials": []}', "another version"),
        ('{"version": 1, "asked": {}, "trials": [{"name": "x"}]}', "damaged"),
    ],
)
def test_a_damaged_record_is_named(out, content, said):
    out.mkdir()
    (out / "sweep.json").write_text(content)
    with pytest.raises(SweepError, match=said):
        sweeps.resume(out, training())


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        ({"parallel": 10_000}, "cores to share"),
        ({"parallel": 0}, "expected 1 to"),
        ({"memory_bytes": 1 << 20}, r"1\.00 MiB a trial"),
        ({"memory_bytes": 1 << 60}, "this machine has"),
    ],
)
def test_a_machine_that_is_too_small(out, machine, said):
    with pytest.raises(SweepError, match=said):
        sweeps.run({"loss": [1.0, 2.0]}, training(), out, **machine, **QUIET)
    assert not out.exists()


def test_without_optuna_nothing_begins(out, monkeypatch):
    monkeypatch.setattr(study.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SweepError, match=r"pip install 'tftrain\[sweep\]'"):
        sweeps.run({"loss": [1.0, 2.0]}, training(), out, **QUIET)
    assert not out.exists()
