"""A process that has imported everything and forks whenever a `tftrain` command is to be run.

What it forks are processes like any other, to be killed at any moment; but they begin at once,
and importing TensorFlow takes seconds.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Nursery:
    """Starts commands, and waits for their ends."""

    def __enter__(self):
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT,
        )  # fmt: skip
        return self

    def __exit__(self, *error):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def start(self, arguments, log):
        """Starts `tftrain ARGUMENTS`, whose output goes to a file; gives the process's number."""
        return self._ask({"arguments": list(map(str, arguments)), "log": str(log)})

    def wait(self, pid, seconds=120):
        """The exit status; -N after signal N."""
        return self._ask({"wait": pid, "seconds": seconds})

    def run(self, arguments, log):
        status = self.wait(self.start(arguments, log))
        assert status == 0, Path(log).read_text()

    def _ask(self, order):
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def _main():
    from tftrain.cli.main import main

    _import_everything()
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            print(_wait(order["wait"], order["seconds"]), flush=True)
            continue
        pid = os.fork()
        if not pid:
            _redirect(order["log"])
            os._exit(main(order["arguments"]))
        print(pid, flush=True)


def _import_everything():
    import matplotlib.pyplot  # noqa: F401
    import sklearn.datasets  # noqa: F401

    from tftrain.keras_api import keras

    keras.Model  # noqa: B018 - imported when first used


def _redirect(log):
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (0, 1, 2):
        os.dup2(file if stream else os.open(os.devnull, os.O_RDONLY), stream)


def _wait(pid, seconds):
    deadline = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


if __name__ == "__main__":
    _main()
