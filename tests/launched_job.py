"""Runs a command as a job of real processes, with a hard time limit."""

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

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


def launch(arguments, workers=2, ps=0, limit=120, grace=2, max_restarts=0, **environ):
    """Launches Python with these arguments in every task and waits for the job's end."""
    command = [sys.executable, "-m", "tftrain", "launch", f"--workers={workers}", f"--ps={ps}"]
    command += [f"--grace={grace}", f"--max_restarts={max_restarts}", "--"]
    command += [sys.executable, *arguments]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, **environ},
    ) as process:
        try:
            output, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)  # the launcher ends its tasks
            output, _ = process.communicate(timeout=30)
            raise AssertionError(f"the job did not end within {limit} s:\n{output}") from None
    return Result(process.returncode, output)
