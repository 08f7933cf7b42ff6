"""Processes that are forked behave as those that are started."""

import os
import signal
import subprocess

import pytest

from tests import warm_python
from tests.waiting import is_running, wait_until


@pytest.fixture
def script(tmp_path):
    def write(code):
        (tmp_path / "script.py").write_text(code)
        return warm_python.command(tmp_path / "script.py", "an argument")

    return write


def run(command, **environ):
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env={**os.environ, **environ}
    )


def test_arguments_environment_output_and_status(script):
    code = "import os, sys\nprint(sys.argv[1], os.environ['GIVEN'], __name__)\nsys.exit(7)"
    done = run(script(code), GIVEN="given")
    assert (done.returncode, done.stdout) == (7, "an argument given __main__\n")


def test_code_instead_of_a_script():
    code = "import sys\nprint(sys.argv, __name__)"
    assert run(warm_python.command("-c", code, "x")).stdout == "['-c', 'x'] __main__\n"


def test_threads_and_functions_for_the_end_are_not_left_out(script):
    code = (
        "import atexit, threading\natexit.register(print, 'last')\n"
        "threading.Timer(0.2, print, ['later']).start()\nprint('first')"
    )
    done = run(script(code))
    assert (done.returncode, done.stdout) == (0, "first\nlater\nlast\n")


def test_tensorflow_has_not_begun(script):
    done = run(script("import os\nprint(len(os.listdir('/proc/self/task')))"))
    assert done.stdout == "1\n"  # a thread more would be one that no fork takes along


def test_randomness_is_each_process_s_own(script):
    command = script("import random\nimport numpy\nprint(random.random(), numpy.random.rand())")
    assert set(run(command).stdout.split()).isdisjoint(run(command).stdout.split())


def test_an_end_by_a_signal_is_seen(script):
    assert run(script("import os\nos.kill(os.getpid(), 9)")).returncode == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_signals_reach_it(script, tmp_path, number):
    told = tmp_path / "pid"
    code = f"import os, time\nopen({str(told)!r}, 'w').write(f'{{os.getpid()}}.')\ntime.sleep(60)"
    with subprocess.Popen(script(code)) as process:
        wait_until(lambda: told.exists() and told.read_text().endswith("."))
        process.send_signal(number)
        assert process.wait(20) == -number
    wait_until(lambda: not is_running(int(told.read_text()[:-1])))
