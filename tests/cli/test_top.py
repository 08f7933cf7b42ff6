"""`tftrain top`, of jobs that this process stands for, and of one that trains."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests import warm_python
from tests.waiting import wait_until
from tftrain.cli import top
from tftrain.cli.main import main
from tftrain.live import LaunchedJob, Publisher
from tftrain.sweeps import Asked, Sweep
from tftrain.sweeps.folder import SweepFolder

TOLD = {
    "phase": "training", "epoch": 3, "epochs": 10, "step": 45, "steps": 1057,
    "steps_per_second": 123.4, "examples_per_second": 15795.2, "input_wait_share": 0.021,
    "longest_gap": 1.0,
}  # fmt: skip


@pytest.fixture(autouse=True)
def at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("TFTRAIN_LIVE_DIR", str(tmp_path / "live"))
    monkeypatch.setattr(top, "_FIRST_LOOK", 0.05)


@pytest.fixture
def told():
    """Writes as a task of a job does; removed in the end."""
    with contextlib.ExitStack() as stack:

        def tell(task="worker 0", job="0123456789abcdef", run=None, **changed):
            publisher = Publisher(task, job=job, run=run)
            stack.callback(publisher.remove)
            publisher.write({**TOLD, "progress_at": time.time(), **changed})
            return publisher

        yield tell


def run_of(path, **result):
    path.mkdir()
    (path / "config.json").write_text("{}")
    (path / "metrics.jsonl").write_text('{"epoch": 1}\n{"epoch": 2}\n')
    if result:
        (path / "result.json").write_text(json.dumps(result))
    return path


def test_a_row_for_each_task(told, capsys):
    told()
    told("worker 1", progress_at=time.time() - 100)
    assert main(["top"]) == 0
    heading, _, columns, *rows, _, network = capsys.readouterr().out.splitlines()
    assert heading.startswith("job 01234567  for ")
    assert columns.split("  ")[0] == "task"
    first, second = (" ".join(row.split()) for row in rows)
    assert first.startswith("worker 0 3/10 45/1,057 123 15,795 2% ")
    assert first.endswith(" training")
    assert second.endswith(" no step for 100 s <- HUNG?")
    assert "all programs" in network


def test_a_job_by_the_beginning_of_its_name_or_by_its_run(told, tmp_path, capsys):
    told(job="aaaa", run=run_of(tmp_path / "run"))
    told(job="bbbb")
    for name in ("aaa", str(tmp_path / "run")):
        assert main(["top", name]) == 0
        printed = capsys.readouterr().out
        assert "job aaaa" in printed
        assert f"run {tmp_path / 'run'}" in printed
        assert "bbbb" not in printed


def test_all_jobs_without_a_name(told, capsys):
    told(job="aaaa")
    told(job="bbbb")
    assert main(["top"]) == 0
    printed = capsys.readouterr().out
    assert "job aaaa" in printed
    assert "job bbbb" in printed


def test_json_holds_what_tasks_have_told(told, capsys):
    told()
    assert main(["top", "--json"]) == 0
    ((job,)) = json.loads(capsys.readouterr().out)
    (task,) = job["tasks"]
    assert (task["task"], task["pid"], task["is_hung"]) == ("worker 0", os.getpid(), False)
    assert {name: task[name] for name in TOLD if name != "longest_gap"} == {
        name: value for name, value in TOLD.items() if name != "longest_gap"
    }
    assert task["usage"]["cores"] == len(os.sched_getaffinity(0))


def test_tasks_that_tell_nothing(capsys):
    job = LaunchedJob("cccc", ["python", "script.py"])
    job.started(1, {"worker 0": os.getpid()})
    assert main(["top"]) == 0
    heading, *_, row, _, _ = capsys.readouterr().out.splitlines()
    assert "restart 1  python script.py" in heading
    assert row.startswith("worker 0      -     -")
    assert row.endswith("running")


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"status": "finished"}, "finished, 2 epochs behind it"),
        ({"status": "preempted"}, "preempted, 2 epochs"),
        ({"status": "running"}, "unfinished: its process is gone, 2 epochs"),
        ({}, "has not begun to train"),
    ],
)
def test_a_run_that_has_ended(tmp_path, capsys, result, said):
    assert main(["top", str(run_of(tmp_path / "run", **result))]) == 0
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no job of yours is running on this machine"),
        (["nosuch"], "nosuch: no running job begins so"),
        ([os.path.dirname(__file__)], "no run of tftrain"),
        (["a", "b"], "expected one job or run, received 2"),
        (["--every=0"], "every"),
    ],
)
def test_bad_input(arguments, said, capsys):
    assert main(["top", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_the_beginning_of_several_jobs(told, capsys):
    told(job="aaaa")
    told(job="aabb")
    assert main(["top", "aa"]) == 2
    assert "aa: 2 jobs begin so" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_until_the_job_ends(told, monkeypatch):
    publisher = told()
    monkeypatch.setattr(sys, "stdout", Terminal())
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            publisher.remove()

    monkeypatch.setattr(top.time, "sleep", sleep)
    assert main(["top", "0123", "--every=7"]) == 0
    printed = sys.stdout.getvalue()
    assert slept == [0.05, 7, 7]
    assert printed.count("\033[H\033[J") == 2
    assert printed.endswith("the job has ended\n")


def test_control_c_is_the_usual_end(told, monkeypatch):
    told()
    monkeypatch.setattr(sys, "stdout", Terminal())

    def sleep(seconds):
        if seconds > 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(top.time, "sleep", sleep)
    assert main(["top"]) == 0


def sweep_of(path, *folders):
    found = Sweep(Asked({"seed": [*range(4)]}), SweepFolder(path), [])
    for number, state in enumerate(folders):
        trial = found.folder.new_trial(number, {"seed": number}, number)
        trial.state = state
        found.trials.append(trial)
        trial.folder.mkdir(parents=True)
    found.write()
    return [trial.folder for trial in found.trials]


def test_the_trials_of_a_sweep_that_train(told, tmp_path, capsys):
    _, second, third = sweep_of(tmp_path / "sweep", "finished", "running", "running")
    told(task="process", job="pid-14735", run=second)
    told(task="process", job="pid-14738", run=third)
    told(job="another")
    assert main(["top", str(tmp_path / "sweep")]) == 0
    headings = [line for line in capsys.readouterr().out.splitlines() if line.startswith("job")]
    assert [line.split()[1] for line in headings] == ["pid-14735", "pid-14738"]


def test_a_sweep_that_was_killed_has_no_running_trial(tmp_path, capsys):
    sweep_of(tmp_path / "sweep", "finished", "running")
    assert main(["top", str(tmp_path / "sweep")]) == 0
    told = "sweep does not run: 4 trials: 1 finished, 1 paused, 2 waiting"
    assert told in capsys.readouterr().out


def test_a_sweep_whose_trials_have_not_begun_to_train(tmp_path, capsys):
    sweep_of(tmp_path / "sweep", "finished", "running")
    with SweepFolder(tmp_path / "sweep").locked():
        assert main(["top", str(tmp_path / "sweep")]) == 0
    told = "no trial of sweep trains yet: 4 trials: 1 finished, 1 running, 2 waiting"
    assert told in capsys.readouterr().out.replace(f"{tmp_path}/", "")


def test_a_launched_training(tmp_path, capsys):
    """Two workers that train the digits for long, seen from outside until they are ended."""
    flags = ["--noverify_export", "--epochs=10000", "--strategy=multiworker"]
    task = warm_python.command("-m", "tftrain", "train", *flags, f"--out={tmp_path / 'run'}")
    job = [sys.executable, "-m", "tftrain", "launch", "--workers=2", "--grace=1", "--", *task]

    def tasks():
        main(["top", "--json"])
        return {task["task"]: task for job in json.loads(capsys.readouterr().out or "[]")
                for task in job["tasks"]}  # fmt: skip

    def both_train():
        time.sleep(0.5)
        return [(each["epoch"] or 0) > 1 for each in tasks().values()] == [True, True]

    with subprocess.Popen(job, cwd=tmp_path, stdout=subprocess.DEVNULL) as launcher:
        try:
            wait_until(both_train, seconds=90)
            for name, told in tasks().items():
                assert name in ("worker 0", "worker 1")
                assert told["examples_per_second"] > 0
                assert (told["steps"], told["epochs"]) == (41, 10000)
            assert main(["top", str(tmp_path / "run")]) == 0
            assert "worker 1" in capsys.readouterr().out
        finally:
            launcher.send_signal(signal.SIGTERM)
    assert main(["top"]) == 2
    assert not (tmp_path / "run" / "live").exists()
