"""A Python that has imported TensorFlow and forks the processes of jobs, which spares each of them
the three seconds that takes.

TensorFlow's runtime starts after the fork. Whoever starts a process gets one that stands for it
(warm_client.py); when that is killed, so is the other. Two forks share what two processes do not,
such as the seed of hashes: jobs of several processes that recipes and benchmarks launch, and the
programs of which a benchmark says how soon they begin, are started in the usual way.
"""

import array
import atexit
import contextlib
import functools
import json
import os
import runpy
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import warm_client

HERE = Path(__file__).parent


def command(*arguments):
    """A command that does what `python ARGUMENTS` does: a script and its flags, -m, or -c."""
    return [executable(), *map(str, arguments)]


@functools.cache
def executable():
    """The file of such a command. As WARM_PYTHON in its environment, a fork's sys.executable.

    Companion processes are asked for because they are clean: Python itself is started for them.
    """
    folder = tempfile.mkdtemp(prefix="warm-python-")
    atexit.register(shutil.rmtree, folder)
    python = shlex.quote(sys.executable)
    client = f"-I -S {shlex.quote(warm_client.__file__)} {_address()}"
    file = Path(folder, "python")
    file.write_text(
        "#!/bin/sh\n"
        f'[ "$2" = tftrain.companion_process ] && exec {python} "$@"\n'
        f'exec {python} {client} "$@"\n'
    )
    file.chmod(0o700)
    return str(file)


def start(arguments, log):
    """Starts `python ARGUMENTS` with no command that stands for it; its output goes to a file."""
    with open(os.devnull) as nothing, open(log, "ab") as output:
        files = [nothing.fileno(), output.fileno(), output.fileno()]
        words = list(map(str, arguments))
        return warm_client.Fork(_address(), words, dict(os.environ), os.getcwd(), files)


@functools.cache
def _address():
    """Where the warm Python of this process listens; it is started when first asked for."""
    address = f"tftrain-tests-{os.getpid()}"
    environ = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
    process = subprocess.Popen(
        [sys.executable, __file__, address],
        env={**environ, "PYTHONPATH": str(HERE.parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    atexit.register(_stop, process)
    assert process.stdout.readline() == b"ready\n"
    return address


def _stop(process):
    process.stdin.close()
    process.wait()
    process.stdout.close()


class Forks:
    """The processes that were forked, and the connections of those that stand for them."""

    def __init__(self, address):
        self._selector = selectors.DefaultSelector()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(f"\0{address}")
        self._listening.listen(64)
        self._selector.register(self._listening, selectors.EVENT_READ, self._fork)
        self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ, self._end)
        self._pids = {}  # by connection
        self._is_ended = False

    def order(self):
        """In a process that is forked, what it is to run; None here, when stdin has been closed."""
        while not self._is_ended:
            for key, _ in self._selector.select():
                if order := key.data(key.fileobj):
                    return order
        return None

    def _fork(self, listening):
        connection, _ = listening.accept()
        order, files = _received(connection)
        pid = os.fork()
        if not pid:
            self._selector.close()
            for other in (listening, connection, *self._pids):
                other.close()
            _take(files)
            return order
        for file in files:
            os.close(file)
        connection.sendall(pid.to_bytes(4, "big"))
        self._pids[connection] = pid
        ended = functools.partial(self._ended, connection)
        self._selector.register(os.pidfd_open(pid), selectors.EVENT_READ, ended)
        self._selector.register(connection, selectors.EVENT_READ, self._left)
        return None

    def _left(self, connection):
        """Nobody stands for the process any more."""
        self._selector.unregister(connection)
        os.kill(self._pids[connection], signal.SIGKILL)

    def _ended(self, connection, pidfd):
        _, status = os.waitpid(self._pids.pop(connection), 0)
        self._selector.unregister(pidfd)
        os.close(pidfd)
        with contextlib.suppress(KeyError):
            self._selector.unregister(connection)
        with contextlib.suppress(OSError), connection:
            connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))

    def _end(self, stdin):
        self._is_ended = True
        for pid in self._pids.values():
            os.kill(pid, signal.SIGKILL)


def _received(connection):
    message, files, _, _ = socket.recv_fds(connection, 4, 3)
    left = int.from_bytes(message, "big")
    content = bytearray()
    while len(content) < left:
        content += connection.recv(left - len(content))
    return json.loads(content), array.array("i", files)


def _take(files):
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)


def _run(order):
    import numpy as np

    os.setsid()
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environ"])
    np.random.seed()  # as each process begins elsewhere
    sys.executable = os.environ.get("WARM_PYTHON", sys.executable)
    if os.environ.get("PYTHONUNBUFFERED"):
        sys.stdout.reconfigure(write_through=True)
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:0] = [path for path in paths if path not in sys.path]
    first, *rest = order["arguments"]
    if first == "-m":
        sys.path.insert(0, os.getcwd())
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.path.insert(0, "")
        sys.argv = [first, *rest[1:]]
        exec(rest[0], {"__name__": "__main__"})
    else:
        sys.path.insert(0, os.path.dirname(os.path.abspath(first)))
        sys.argv = order["arguments"]
        runpy.run_path(first, run_name="__main__")


def _leave():
    """Ends a process that has done all it had to: what it holds need not be taken apart.

    That takes a third as long as a short training. Tasks of a cluster end as usual: taking apart
    is what tells the others.
    """
    if _has_ended_well and "TF_CONFIG" not in os.environ:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _import_everything():
    import matplotlib.pyplot  # noqa: F401
    import sklearn.datasets  # noqa: F401

    import tftrain.callbacks
    import tftrain.cli.evaluate
    import tftrain.cli.finetune
    import tftrain.cli.main
    import tftrain.cli.train
    import tftrain.training.fitting  # noqa: F401
    from tftrain.keras_api import keras

    keras.Model  # noqa: B018 - imported when first used


if __name__ == "__main__":
    _has_ended_well = False
    atexit.register(_leave)  # the first to be registered is the last to be called
    _import_everything()
    sys.path.pop(0)  # the folder of this file
    print("ready", flush=True)
    if found := Forks(sys.argv[1]).order():
        try:
            _run(found)
            _has_ended_well = True
        except SystemExit as end:
            _has_ended_well = end.code in (None, 0)
            raise
