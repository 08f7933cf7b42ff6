"""Real processes of a real cluster, for tests: started, killed and restarted on request.

The job's first task may ask for a change by making a file in the control folder, named
`kill-worker-1` or `start-worker-1`; the file is removed when that is done.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

from tests import warm_python
from tftrain.distribute.launcher import free_ports


class ClusterProcesses:
    """One process a task, each in its own process group, each with its log file."""

    def __init__(
        self,
        script: Path,
        folder: Path,
        environment: dict[str, str] | None = None,
        **tasks: int,
    ) -> None:
        self.script, self.folder = script, folder
        self.environment = environment or {}
        self.control = folder / "control"
        self.control.mkdir(parents=True)
        ports = iter(free_ports(sum(tasks.values())))
        self.cluster = {
            job: [f"127.0.0.1:{next(ports)}" for _ in range(n)] for job, n in tasks.items()
        }
        self.processes: dict[tuple[str, int], subprocess.Popen] = {}

    def __enter__(self) -> ClusterProcesses:
        for job, addresses in self.cluster.items():
            for index in range(len(addresses)):
                self.start(job, index)
        return self

    def __exit__(self, *exc: object) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)

    def start(self, job: str, index: int) -> None:
        task = {"cluster": self.cluster, "task": {"type": job, "index": index}}
        environment = {
            **os.environ,
            **self.environment,
            "TF_CONFIG": json.dumps(task),
            "TFTRAIN_TEST_FOLDER": str(self.folder),
            "CUDA_VISIBLE_DEVICES": "",
            "TF_CPP_MIN_LOG_LEVEL": "2",
        }
        with open(self.log(job, index), "ab") as log:
            self.processes[job, index] = subprocess.Popen(
                warm_python.command(self.script),
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self, job: str, index: int) -> None:
        os.killpg(self.processes[job, index].pid, signal.SIGKILL)
        self.processes[job, index].wait(10)

    def log(self, job: str, index: int) -> Path:
        return self.folder / f"{job}-{index}.log"

    def attend(self, leader: tuple[str, int], seconds: float) -> int:
        """Serves requests until the leading task ends; returns its status."""
        deadline = time.monotonic() + seconds
        while self.processes[leader].poll() is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{leader} took over {seconds} s:\n{self.tail(*leader)}")
            for request in self.control.iterdir():
                verb, job, index = request.name.split("-")
                getattr(self, verb)(job, int(index))
                request.unlink()
            time.sleep(0.05)
        return self.processes[leader].returncode

    def statuses(self, seconds: float) -> dict[tuple[str, int], int]:
        """Waits for every process to end by itself."""
        deadline = time.monotonic() + seconds
        return {
            task: process.wait(max(0.1, deadline - time.monotonic()))
            for task, process in self.processes.items()
        }

    def tail(self, job: str, index: int, characters: int = 3000) -> str:
        return self.log(job, index).read_text(errors="replace")[-characters:]


def ask(verb: str, job: str, index: int) -> None:
    """In a task: asks for a change and waits until it is made."""
    request = Path(os.environ["TFTRAIN_TEST_FOLDER"]) / "control" / f"{verb}-{job}-{index}"
    request.touch()
    while request.exists():
        time.sleep(0.02)
