import importlib
import os
import subprocess
import sys
import time

import pytest

from tftrain.cli.main import COMMANDS, main


def test_help_lists_every_command(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in COMMANDS)
    assert main([]) == 0


def test_help_does_not_import_tensorflow(python):
    done = python(
        "import sys; from tftrain.cli.main import main; main(['--help'])\n"
        "assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules)"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_s_help_has_an_example_and_its_flags(command, capsys):
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"  tftrain {command}" in shown
    assert "--debug" in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_s_help_is_silent_about_tensorflow(command):
    assert importlib.import_module(f"tftrain.cli.{command}").main.__doc__


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("tftrain 0.")


def test_unknown_command_suggests_the_nearest(capsys):
    assert main(["trian"]) == 2
    assert "did you mean 'train'?" in capsys.readouterr().err


def test_a_failure_is_one_line_and_exit_1(monkeypatch, capsys):
    from tftrain.cli import doctor

    monkeypatch.setattr(doctor, "main", lambda *_: 1 / 0)
    assert main(["doctor"]) == 1
    error = capsys.readouterr().err
    assert error.splitlines() == [
        "tftrain doctor: ZeroDivisionError: division by zero; --debug shows where"
    ]


def test_a_pipe_broken_inside_the_work_is_a_failure(monkeypatch, capsys):
    from tftrain.cli import doctor

    def work(*_):
        raise BrokenPipeError("peer gone")

    monkeypatch.setattr(doctor, "main", work)
    assert main(["doctor"]) == 1
    assert "BrokenPipeError: peer gone" in capsys.readouterr().err


def test_debug_shows_the_traceback(monkeypatch, capsys):
    from tftrain.cli import doctor

    monkeypatch.setattr(doctor, "main", lambda *_: 1 / 0)
    assert main(["doctor", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_leaves_is_no_error(python):
    done = python(
        "import os, subprocess, sys\n"
        "read, write = os.pipe(); os.close(read)\n"
        "done = subprocess.run([sys.executable, '-m', 'tftrain', '--help'], stdout=write,"
        " stderr=subprocess.PIPE)\n"
        "print(done.returncode, done.stderr)"
    )
    assert done.stdout.strip() == "0 b''"


def test_the_console_script_answers():
    script = os.path.join(os.path.dirname(sys.executable), "tftrain")
    started = time.monotonic()
    done = subprocess.run([script, "--help"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0
    assert "usage: tftrain" in done.stdout
    assert time.monotonic() - started < 5
