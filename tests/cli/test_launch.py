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
    ],
)
def test_bad_input(arguments, said, capsys):
    assert main(["launch", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_tensorflow_is_not_loaded():
    code = "import sys, tftrain.cli.launch; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
