"""Work in a process of its own, that is kept for more of it.

What crashes there, or must not see what this process has imported, does so in a process that holds
nothing. Starting one takes seconds, most of them TensorFlow's import, so it is kept, ends when it
is idle for a minute or its owner ends, and starts while the owner still prepares the work.

A worker is a module with two functions: `prepare()`, which loads what every job needs, and
`work(folder)`, which does the job that a folder describes and leaves there what it makes. It runs
as `python -m tftrain.companion_process MODULE [HIDDEN ...]`.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import os
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

_IDLE_SECONDS = 60.0
_PROGRAM = "tftrain.companion_process"


class Crashed(Exception):
    """The process ended instead of answering.

    Attributes:
        log: What it had said.
    """

    def __init__(self, code: int, log: str) -> None:
        self.log = log
        super().__init__(_cause(code))


class GaveUp(Exception):
    """The work raised an error; the message is its own, after the name of its class.

    Attributes:
        log: What the process had said.
    """

    def __init__(self, message: str, log: str) -> None:
        self.log = log
        super().__init__(message)


class Companion:
    """A process that works for this one; starts when first needed, and again if it has died.

    Args:
        module: Full name of the worker.
        hidden: Modules that it cannot import, nor anything that it imports.
    """

    def __init__(self, module: str, hidden: Sequence[str] = ()) -> None:
        self.process: subprocess.Popen[str] | None = None
        self._arguments = [module, *hidden]
        self._owner = 0  # of the process: a fork must not talk to its parent's
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._renew_lock)
        atexit.register(self._end)

    def warm_up(self) -> None:
        """Starts the process if there is none; returns at once."""
        with self._lock:
            self._running()

    def work(self, folder: Path) -> None:
        """Lets the process do the job in a folder, where it leaves `log.txt` besides.

        Raises:
            Crashed: The process ended.
            GaveUp: The work raised an error.
        """
        with self._lock:
            code = self._ask(folder)
            if code == 0:  # it had just retired
                code = self._ask(folder)
        log = _text(folder / "log.txt")
        if code is not None:
            raise Crashed(code, log)
        if (folder / "error.txt").exists():
            raise GaveUp(_text(folder / "error.txt"), log)

    def _ask(self, folder: Path) -> int | None:
        """None if it answered, else its exit code."""
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(f"{folder}\n")
                process.stdin.flush()
            if process.stdout.readline():
                return None
        except BaseException:  # interrupted: its answer would be taken for that of the next job
            self._end()
            raise
        code = process.wait()
        self._end()
        return code

    def _running(self) -> subprocess.Popen[str]:
        if self.process is None or self._owner != os.getpid() or self.process.poll() is not None:
            self._end()
            self.process, self._owner = self._start(), os.getpid()
        return self.process

    def _start(self) -> subprocess.Popen[str]:
        # Its errors would otherwise go to a terminal; GPUs are left to the owner.
        return subprocess.Popen(
            [sys.executable, "-m", _PROGRAM, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # Ctrl-C is for the owner, who then ends it
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "CUDA_VISIBLE_DEVICES": "-1",
            },
        )

    def _end(self) -> None:
        process, self.process = self.process, None
        if process is None or self._owner != os.getpid():
            return
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        process.kill()
        process.wait()

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()  # a thread of the parent's may hold the other


def _cause(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name
    memory = ": the machine may have run out of memory" if name == "SIGKILL" else ""
    return f"was ended by {name}{memory}"


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def _main(module: str, hidden: Sequence[str]) -> None:
    """Serves jobs, a line with a folder's name each, until nobody asks any more."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    _send_output_to(os.devnull)
    work = _prepared(module, hidden)
    while folder := _next_line(sys.stdin):
        job = Path(folder)
        _send_output_to(job / "log.txt")
        try:
            work(job)
        except Exception as error:
            (job / "error.txt").write_text(f"{type(error).__name__}: {error}")
        _send_output_to(os.devnull)
        answers.write("done\n")


def _prepared(module: str, hidden: Sequence[str]) -> Callable[[Path], None]:
    sys.modules.update(dict.fromkeys(hidden))  # before anything can import them
    gc.disable()  # nearly half the time of the imports, which are kept for good
    try:
        worker = importlib.import_module(module)
        worker.prepare()
    except Exception as error:
        return _failing(error)
    gc.freeze()
    gc.enable()
    return worker.work


def _failing(error: Exception) -> Callable[[Path], None]:
    def work(folder: Path) -> None:
        raise error

    return work


def _next_line(stream: TextIO) -> str:
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        ready = selector.select(_IDLE_SECONDS)
    return stream.readline().strip() if ready else ""


def _send_output_to(path: str | os.PathLike[str]) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2:])
