"""What processes write of themselves, and how it is read: this process stands for each of them."""

import json
import os
import socket
import subprocess
import time

import pytest

from tftrain import live
from tftrain.live import LaunchedJob, Publisher, folders, usage

TRAINING = {"phase": "training", "longest_gap": 2.0, "epoch": 1}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TFTRAIN_LIVE_DIR", str(tmp_path / "live"))
    return tmp_path / "live"


@pytest.fixture
def publisher():
    """Makes publishers, and removes what they have written."""
    made = []

    def make(task="worker 0", **options):
        made.append(Publisher(task, **options))
        return made[-1]

    yield make
    for each in made:
        each.remove()


@pytest.fixture
def ended():
    """The number of a process that is no more."""
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


def training(**changed):
    return {**TRAINING, "progress_at": time.time(), **changed}


def test_what_is_written_is_found_until_it_is_removed(publisher, folder):
    one = publisher(job="j")
    one.write(training(step=3))
    (job,) = live.running()
    assert (job.name, job.run, job.restart) == ("j", None, 0)
    (task,) = job.tasks
    assert (task.name, task.pid, task.told["step"]) == ("worker 0", os.getpid(), 3)
    assert task.state() == "training"
    one.remove()
    assert live.running() == []
    assert [*folder.iterdir()] == []


def test_a_process_without_a_job_is_one_by_itself(publisher):
    publisher("process").write(training())
    assert [job.name for job in live.running()] == [f"pid-{os.getpid()}"]


def test_a_run_has_it_in_its_folder(publisher, tmp_path):
    run = tmp_path / "run"
    one = publisher(run=run)
    one.write(training())
    assert live.of_run(run).run == str(run)
    assert [job.run for job in live.running()] == [str(run)]
    one.remove()
    assert live.of_run(run) is None
    assert [*run.iterdir()] == []


def test_workers_wait_for_the_folder_that_the_chief_makes(publisher, tmp_path):
    run = tmp_path / "run"
    other = publisher("worker 1", job="j", run=run, makes_folders=False)
    other.write(training(step=1))
    assert not run.exists()
    chief = publisher("worker 0", job="j", run=run)
    for each in (chief, other):
        each.write(training(step=2))
    for job in (live.of_run(run), *live.running()):
        assert [(task.name, task.told["step"]) for task in job.tasks] == [
            ("worker 0", 2),
            ("worker 1", 2),
        ]


def test_a_run_that_is_set_aside_meanwhile_does_no_harm(publisher, tmp_path):
    one = publisher(run=tmp_path / "run")
    one.write(training())
    (tmp_path / "run").rename(tmp_path / "run.previous")
    one.write(training(step=9))
    (job,) = live.running()
    assert job.tasks[0].told["step"] == 9


def test_what_another_job_has_left_in_the_run_is_dropped(publisher, tmp_path):
    left = tmp_path / "live" / "worker-7.json"
    left.parent.mkdir()
    left.write_text(json.dumps({"job": "of before"}))
    publisher(job="j", run=tmp_path)
    assert not left.exists()


def test_tasks_of_other_machines_are_in_the_runs_folder(publisher, tmp_path, monkeypatch):
    publisher("worker 0", job="j", run=tmp_path).write(training())
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    publisher("worker 1", job="j", run=tmp_path).write(training())
    monkeypatch.undo()
    monkeypatch.setenv("TFTRAIN_LIVE_DIR", str(tmp_path / "not where it was"))
    job = live.of_run(tmp_path)
    assert [(task.host == "elsewhere", task.state()) for task in job.tasks] == [
        (False, "training"),
        (True, "training"),
    ]
    assert job.tasks[1].state(time.time() + 50).startswith("silent for 5")
    assert job.tasks[1].state(time.time() + 90) == "gone"


@pytest.mark.parametrize(
    ("told", "later", "state"),
    [
        ({}, 10, "training"),
        ({}, 16, "silent for 16 s"),
        ({"written_at": 99}, 31, "no step for 31 s"),
        ({"written_at": 99, "longest_gap": 20.0}, 99, "training"),
        ({"written_at": 99, "phase": "starting"}, 99, "starting"),
        ({"written_at": 400, "phase": "starting"}, 400, "no step for 400 s"),
        ({"written_at": 400, "phase": "validating"}, 400, "validating"),
        ({"phase": "trained"}, 400, "trained"),
        ({"phase": "serving", "written_at": 400}, 400, "serving"),
    ],
)
def test_what_a_task_does_or_what_is_wrong_with_it(told, later, state):
    """Of this process, which began to be looked at at second 0."""
    of = {**TRAINING, "progress_at": 0, "written_at": 0, **told}
    task = live.Task(
        "worker 0", socket.gethostname(), os.getpid(), usage.started_at(os.getpid()), of
    )
    assert task.state(now=later) == state
    assert task.is_hung(now=later) == state.startswith(("silent", "no step"))


def test_a_task_that_takes_no_steps_tells_of_none(publisher):
    publisher("ps 0", job="j").write({"phase": "serving"})
    assert live.running()[0].tasks[0].state() == "serving"


def test_a_number_that_another_process_has_now_is_not_the_one():
    assert usage.is_alive(os.getpid(), usage.started_at(os.getpid()))
    assert not usage.is_alive(os.getpid(), usage.started_at(os.getpid()) - 60)


def test_a_launched_job_has_tasks_that_write_nothing(publisher, ended):
    job = LaunchedJob("j", ["python", "script.py"])
    job.started(2, {"worker 1": ended, "worker 0": os.getpid(), "ps 0": os.getpid()})
    publisher("worker 0", job="j", restart=2).write(training())
    (found,) = live.running()
    assert (found.command, found.restart) == ("python script.py", 2)
    assert {task.name: task.state() for task in found.tasks} == {
        "ps 0": "running",
        "worker 0": "training",
        "worker 1": "gone",
    }
    job.close()
    assert live.running() == []


def test_a_job_that_another_machine_has_launched_is_none_of_this_one(monkeypatch):
    """Where `TFTRAIN_LIVE_DIR` is on a disk that machines share."""
    with monkeypatch.context() as there:
        there.setattr(socket, "gethostname", lambda: "elsewhere")
        LaunchedJob("j", ["python", "script.py"]).started(0, {"worker 0": os.getpid()})
    assert live.running() == []


def test_a_job_of_which_nothing_runs_is_none_and_is_removed_in_the_end(ended, folder):
    LaunchedJob("j", ["true"]).started(0, {"worker 0": ended})
    assert live.running() == []
    assert (folder / "j").is_dir()  # somebody may want to see what it was
    os.utime(folder / "j", (0, 0))
    live.running()
    assert not (folder / "j").exists()


def test_files_that_are_none_of_ours_are_passed_over(publisher, folder):
    publisher(job="j").write(training())
    (folder / "j" / "x.json").write_text("{")
    (folder / "j" / "y.json").write_text("[]")
    (folder / "stray").write_text("")
    assert len(live.running()) == 1


def test_a_training_goes_on_where_nothing_can_be_written(publisher, folder, capsys):
    folder.write_text("")
    one = publisher()
    for _ in range(2):
        one.write(training())
    assert capsys.readouterr().err.count("`tftrain top` will not show this training") == 1


def test_a_folder_that_somebody_else_could_have_made_is_not_used(folder, tmp_path):
    (tmp_path / "theirs").mkdir()
    folder.symlink_to(tmp_path / "theirs")
    with pytest.raises(OSError, match="somebody else"):
        folders.of_job("j")
    assert [*folders.jobs()] == []


def test_where_nobody_is_numbered_folders_are_the_users(folder, monkeypatch):
    monkeypatch.delattr(os, "getuid")  # Windows has none
    assert folders.of_job("j") == folder / "j"


def test_the_users_folders(monkeypatch, tmp_path):
    monkeypatch.delenv("TFTRAIN_LIVE_DIR")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    first, second = folders.of_user()
    assert first == tmp_path / "tftrain"
    assert second.name == f"tftrain-{os.getuid()}"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert folders.of_user() == [second]


def test_usage_from_one_look_to_the_next():
    looks = usage.Usage(os.getpid())
    first = looks.look()
    assert first["memory_bytes"] > 1 << 20
    assert "cpu_cores" not in first
    began = time.process_time()
    while time.process_time() - began < 0.2:
        pass
    second = looks.look()
    assert 0.05 < second["cpu_cores"] <= 1.5
    assert {"received", "sent", "loopback"} <= second.keys()


def test_a_process_that_is_gone_uses_nothing(ended):
    assert usage.Usage(ended).look() == {}


def test_what_a_killed_task_has_left_is_not_the_one_started_again(publisher, ended):
    publisher("worker 0", job="j", restart=0).write(training(pid=ended))
    publisher("worker 1", job="j", restart=1).write(training())
    job = LaunchedJob("j", ["python", "script.py"])
    job.started(1, {"worker 0": os.getpid(), "worker 1": os.getpid()})
    (found,) = live.running()
    assert [task.state() for task in found.tasks] == ["running", "training"]
    job.close()
