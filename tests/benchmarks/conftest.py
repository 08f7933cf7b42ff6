"""Benchmarks run as users run them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import warm_python

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def printed_by():
    """Runs a benchmark with `--quick`; the lines it prints.

    `warm`: it and the processes it starts are forked from a Python that has imported TensorFlow.
    """

    def run(name, *arguments, warm=True):
        paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        python = warm_python.executable() if warm else sys.executable
        done = subprocess.run(
            [python, ROOT / f"benchmarks/{name}.py", "--quick", *arguments],
            env={**os.environ, "PYTHONPATH": paths, "WARM_PYTHON": python},
            capture_output=True,
            text=True,
            timeout=250,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout.splitlines()

    return run
