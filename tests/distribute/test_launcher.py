"""Real processes, none of them with TensorFlow: a job takes a fraction of a second."""

import io
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from tests.waiting import is_running, wait_until
from tftrain.distribute import clusters, launcher
from tftrain.errors import LaunchError

LIMIT_SECONDS = 20


def run(script, workers=2, **options):
    """Launches a Python script; returns the exit status and what was printed."""
    output = io.StringIO()
    command = [sys.executable, "-c", textwrap.dedent(script)]
    status = launcher.launch(command, workers, output=output, **options)
    return status, output.getvalue()


def test_every_task_gets_its_own_tf_config():
    status, printed = run("import os; print(os.environ['TF_CONFIG'])", workers=3)
    assert status == 0
    made = [clusters.from_tf_config(line.split(" | ")[1]) for line in printed.splitlines()]
    assert sorted(one.name for one in made) == ["worker 0", "worker 1", "worker 2"]
    assert len({one.workers for one in made}) == 1


def test_with_servers_there_is_a_chief():
    status, printed = run(
        "import os, json; print(json.loads(os.environ['TF_CONFIG'])['task'])", workers=2, ps=1
    )
    assert status == 0
    names = sorted(line.split(" | ")[0].strip() for line in printed.splitlines())
    assert names == ["chief 0", "ps 0", "worker 0", "worker 1"]


def test_lines_carry_the_name_of_their_task():
    _, printed = run("import sys; print('out'); print('err', file=sys.stderr)", workers=1)
    assert sorted(printed.splitlines()) == ["worker 0 | err", "worker 0 | out"]


def test_no_colour_outside_a_terminal_and_colour_in_one():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    _, plain = run("print(1)", workers=1)
    terminal = Terminal()
    launcher.launch([sys.executable, "-c", "print(1)"], 1, output=terminal)
    assert "\033" not in plain
    assert terminal.getvalue() == "\033[36mworker 0 | \033[0m1\n"


def test_a_last_line_without_an_end_is_printed():
    assert run("import sys; sys.stdout.write('no end')", 1)[1] == "worker 0 | no end\n"


def test_status_of_the_first_failure_and_its_name(capfd):
    started = time.monotonic()
    status, _ = run(
        """
        import json, os, sys, time
        if json.loads(os.environ["TF_CONFIG"])["task"]["index"] == 1:
            sys.exit(7)
        time.sleep(60)
        """
    )
    assert status == 7
    assert "worker 1 failed with exit status 7" in capfd.readouterr().err
    assert time.monotonic() - started < LIMIT_SECONDS


def test_a_task_ended_by_a_signal_gives_128_and_its_number():
    assert run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 1)[0] == 137


def test_what_a_task_started_ends_with_it(tmp_path):
    script = f"""
        import json, os, subprocess, sys, time
        index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
        child = subprocess.Popen(["sleep", "60"])
        with open({str(tmp_path)!r} + f"/{{index}}", "w") as file:
            file.write(str(child.pid))
        while len(os.listdir({str(tmp_path)!r})) < 2:
            time.sleep(0.01)
        sys.exit(1 if index else 0)
        """
    assert run(script)[0] == 1
    pids = [int(path.read_text()) for path in tmp_path.iterdir()]
    assert len(pids) == 2
    wait_until(lambda: not any(is_running(pid) for pid in pids))


def test_a_task_that_ignores_sigterm_is_killed():
    started = time.monotonic()
    status, _ = run(
        """
        import json, os, signal, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("ready", flush=True)
        if json.loads(os.environ["TF_CONFIG"])["task"]["index"] == 1:
            time.sleep(0.5)
            sys.exit(3)
        time.sleep(60)
        """,
        grace_seconds=0.5,
    )
    assert status == 3
    assert time.monotonic() - started < LIMIT_SECONDS


def test_restart_runs_the_whole_job_again(tmp_path):
    script = f"""
        import json, os, sys
        index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
        restart = os.environ["TFTRAIN_RESTART"]
        open({str(tmp_path)!r} + f"/{{index}}-{{restart}}", "w").close()
        while len([n for n in os.listdir({str(tmp_path)!r}) if n.endswith(restart)]) < 2:
            pass
        sys.exit(5 if restart != "2" else 0)
        """
    assert run(script, max_restarts=3)[0] == 0
    assert sorted(os.listdir(tmp_path)) == ["0-0", "0-1", "0-2", "1-0", "1-1", "1-2"]


def test_a_preempted_task_is_started_again_and_said_to_be(capfd):
    script = "import os, sys; sys.exit(0 if os.environ['TFTRAIN_RESTART'] == '1' else 143)"
    assert run(script, workers=1, max_restarts=1)[0] == 0
    assert "worker 0 was preempted with exit status 143" in capfd.readouterr().err


def test_tasks_may_save_when_one_was_preempted(tmp_path):
    script = f"""
        import json, os, signal, sys, time
        if json.loads(os.environ["TF_CONFIG"])["task"]["index"] == 1:
            sys.exit(138)
        time.sleep(0.5)
        open({str(tmp_path)!r} + "/saved", "w").close()
        sys.exit(138)
        """
    assert run(script)[0] == 138
    assert (tmp_path / "saved").exists()


def test_restarts_are_used_up(capfd):
    assert run("raise SystemExit(9)", workers=1, max_restarts=2)[0] == 9
    assert capfd.readouterr().err.count("starting the job again") == 2


def test_success_is_not_restarted(capfd):
    assert run("print('once')", workers=1, max_restarts=2) == (0, "worker 0 | once\n")


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (signal.SIGINT, 130),
        (signal.SIGTERM, 143),
        (signal.SIGUSR1, 138),
        (signal.SIGHUP, 129),
    ],
)
def test_an_interrupted_launcher_leaves_no_process(tmp_path, number, expected):
    script = (
        f"import os, time; open({str(tmp_path)!r} + '/' + str(os.getpid()), 'w'); time.sleep(60)"
    )
    command = f"""
        import sys
        from tftrain.distribute import launcher
        sys.exit(launcher.launch([sys.executable, "-c", {script!r}], 2, max_restarts=3))
        """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(command)]) as process:
        try:
            wait_until(lambda: len(os.listdir(tmp_path)) == 2)
            process.send_signal(number)
            assert process.wait(LIMIT_SECONDS) == expected
        finally:
            process.kill()
    assert not any(is_running(int(pid)) for pid in os.listdir(tmp_path))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"command": [], "workers": 1}, "no command"),
        ({"command": ["x"], "workers": 0}, "workers=0"),
        ({"command": ["x"], "workers": 1, "ps": -1}, "ps=-1"),
        ({"command": ["/no/such/program"], "workers": 1}, "cannot start '/no/such/program'"),
    ],
)
def test_bad_input(options, said):
    with pytest.raises(LaunchError) as caught:
        launcher.launch(**options)
    assert said in str(caught.value)


def test_the_launcher_does_not_load_tensorflow():
    code = "import sys, tftrain.distribute.launcher; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_free_ports_are_none_that_outgoing_connections_take():
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        first, last = map(int, file.read().split())
    assert not {*launcher.free_ports(50)} & {*range(first, last + 1)}


def test_free_ports_differ():
    ports = launcher.free_ports(50)
    assert len(set(ports)) == 50
