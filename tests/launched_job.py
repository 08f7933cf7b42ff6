"""Runs a command as a job of real processes, with a hard time limit."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests import warm_python

ROOT = Path(__file__).parents[1]
JOBS = ROOT / "tests" / "distribute" / "jobs"


@dataclasses.dataclass
class Result:
    status: int
    output: str

    def lines_of(self, task):
        return [
            line.split(" | ", 1)[1] for line in self.output.splitlines() if line.startswith(task)
        ]


def launch_job(script, *arguments, **options):
    """Launches tests/distribute/jobs/SCRIPT in every worker and waits for the job's end."""
    return launch([str(JOBS / script), *map(str, arguments)], **options)


def launch(
    arguments, workers=2, ps=0, limit=120, grace=2, max_restarts=0, cwd=None, warm=True, **environ
):
    """Launches Python with these arguments in every task and waits for the job's end.

    `warm`: its tasks are forked from a Python that has imported TensorFlow.
    """
    task = warm_python.command(*arguments) if warm else [sys.executable, *arguments]
    job = ["-m", "tftrain", "launch", f"--workers={workers}", f"--ps={ps}", f"--grace={grace}"]
    job += [f"--max_restarts={max_restarts}", "--", *task]
    return run(job, limit=limit, cwd=cwd, warm=False, **environ)


def run(arguments, limit=120, cwd=None, warm=True, **environ):
    """Runs Python with these arguments and waits for its end."""
    with subprocess.Popen(
        _command(arguments, warm),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=_environment(**environ),
    ) as process:
        try:
            output, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)  # the launcher ends its tasks
            output, _ = process.communicate(timeout=30)
            raise AssertionError(f"the job did not end within {limit} s:\n{output}") from None
    return Result(process.returncode, output)


def reported(job, *arguments, limit=100, warm=True):
    """What a program prints last, a JSON object, and as `stderr` what it says there."""
    done = subprocess.run(
        _command([job, *arguments], warm),
        capture_output=True,
        text=True,
        timeout=limit,
        env=_environment(),
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1]) | {"stderr": done.stderr}


def arrays(job, folder, limit=300):
    """What a program saves in the .npz file of which it is given the name, a file of the folder."""
    out = folder / "arrays.npz"
    done = run([job, out], limit=limit)
    assert done.status == 0, done.output[-4000:]
    return dict(np.load(out))


def _command(arguments, warm):
    return warm_python.command(*arguments) if warm else [sys.executable, *map(str, arguments)]


def _environment(**environ):
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    inherited = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
    return {**inherited, "PYTHONPATH": paths, **environ}
