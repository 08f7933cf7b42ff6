"""Starts the processes of a test, gives them a time limit, and leaves none behind."""

import json
import os
import pathlib
import subprocess

from tests import warm_python
from tftrain.distribute.launcher import local_clusters

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[2]


class Job:
    """Some processes of one script; `workers` of them know each other through TF_CONFIG."""

    def __init__(self, script, arguments, folder, workers=0):
        self.logs, self._processes = [], []
        configs = [each.tf_config() for each in local_clusters(workers)] if workers else [None]
        for index, config in enumerate(configs):
            own = [str(argument).replace("INDEX", str(index)) for argument in arguments]
            log = folder / f"{pathlib.Path(script).stem}-{'-'.join(own[1:2])}-{index}.log"
            self.logs.append(log)
            self._processes.append(start(script, own, log, config))

    def wait(self, seconds):
        """Waits for all to end well; kills all and fails, with the logs, if one does not."""
        try:
            for process in self._processes:
                process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"not done in {seconds} s\n{self.tails()}") from None
        finally:
            self.stop()
        failed = [process.returncode for process in self._processes if process.returncode]
        assert not failed, f"exit status {failed}\n{self.tails()}"

    def stop(self):
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()

    def tails(self):
        return "\n".join(f"== {log.name}\n{log.read_text()[-4000:]}" for log in self.logs)


def run(*jobs, seconds):
    """Waits for jobs that run at the same time; when one fails, the others are stopped."""
    try:
        for job in jobs:
            job.wait(seconds)
    finally:
        for job in jobs:
            job.stop()


def start(script, arguments, log, tf_config):
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{HERE}"}
    environment.update(TF_CPP_MIN_LOG_LEVEL="2", OMP_NUM_THREADS="1")
    environment.pop("TF_CONFIG", None)
    if tf_config is not None:
        environment["TF_CONFIG"] = json.dumps(tf_config)
    with log.open("wb") as output:
        return subprocess.Popen(
            warm_python.command(HERE / script, *arguments),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
