import os
import subprocess
import sys

import pytest
import yaml

from tftrain.cli.main import main


def test_runs_the_command_after_the_dashes(capfd):
    status = main(["launch", "--workers=2", "--", sys.executable, "-c", "print(40 + 2)"])
    assert status == 0
    assert sorted(capfd.readouterr().out.splitlines()) == ["worker 0 | 42", "worker 1 | 42"]


def test_flags_after_the_dashes_are_the_commands(capfd):
    code = "import sys; print(sys.argv[1:])"
    main(["launch", "--", sys.executable, "-c", code, "--workers=7", "--", "x"])
    assert "['--workers=7', '--', 'x']" in capfd.readouterr().out


def test_exit_status_is_the_jobs():
    assert main(["launch", "--", sys.executable, "-c", "raise SystemExit(4)"]) == 4


SHOWN = "import os; print(len(os.sched_getaffinity(0)), os.environ.get('OMP_NUM_THREADS'))"


def shown(capfd, *options):
    """Cores and threads of each task, by its name."""
    assert main(["launch", *options, "--", sys.executable, "-c", SHOWN]) == 0
    lines = [line.split(" | ") for line in capfd.readouterr().out.splitlines()]
    return {name.strip(): said.split() for name, said in lines}


def test_workers_are_pinned_and_servers_are_not(capfd, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    every = str(len(os.sched_getaffinity(0)))
    tasks = shown(capfd, "--pin", f"--workers={every}", "--ps=1")
    assert tasks.pop("ps 0") == tasks.pop("chief 0") == [every, "None"]
    assert [*tasks.values()] == [["1", "1"]] * int(every)


def test_nothing_is_divided_with_nopin(capfd, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    every = str(len(os.sched_getaffinity(0)))
    assert shown(capfd, "--workers=2", "--nopin") == {
        f"worker {i}": [every, "None"] for i in (0, 1)
    }


def test_threads_that_are_asked_for_go_before_the_environments(capfd, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert shown(capfd, "--threads=3")["worker 0"][1] == "3"
    assert shown(capfd, "--nopin")["worker 0"][1] == "7"


def test_a_task_over_its_limit_ends_the_job_each_time_it_is_started(capfd):
    code = "import time; held = bytearray(150 << 20); time.sleep(30)"
    options = ["--memory=100MiB", "--max_restarts=1"]
    assert main(["launch", *options, "--", sys.executable, "-S", "-c", code]) == 125
    said = capfd.readouterr().err
    assert said.count("worker 0 used 1") == 2
    assert "worker 0 was over its memory limit and ended with exit status 125" in said


def test_more_memory_than_there_is_is_said(capfd):
    assert main(["launch", "--workers=2", "--memory=90TB", "--", "true"]) == 0
    assert "2 tasks of 81.9 TiB are more than" in capfd.readouterr().err


def test_prints_a_manifest(capsys):
    main(["launch", "--manifest=tfjob", "--image=i:1", "--", "python", "t.py"])
    assert yaml.safe_load(capsys.readouterr().out)["kind"] == "TFJob"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--workers=0"], "workers"),
        (["--wokers=1"], "wokers"),
        ([], "the command is missing"),
        (["--image=i", "--", "python"], "needs --manifest"),
        (["--manifest=pod", "--", "python"], "manifest"),
        (["--cores=0-x", "--", "python"], "--cores=0-x: expected"),
        (["--cores=9999", "--", "python"], "cores 9999 cannot be used"),
        (["--memory=4", "--", "python"], "--memory is '4': a unit is missing; expected e.g. 80GiB"),
        (["--threads=0", "--", "python"], "threads"),
        (["--manifest=job", "--cores=0", "--", "python"], "give --threads"),
    ],
)
def test_bad_input(arguments, said, capsys):
    assert main(["launch", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_tensorflow_is_not_loaded():
    code = "import sys, tftrain.cli.launch; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
