"""TensorFlow's converter, in a process of its own.

It crashes on some models (recurrent ones in full int8 among them), and nobody knows on which it
will next; what crashes here is a process that holds nothing. Starting one takes seconds, most of
them TensorFlow's import, so it is kept for further conversions, ends when it is idle for a minute
or the caller ends, and starts while the model is still being traced.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tftrain.errors import ConversionFailed

_lock = threading.Lock()
_process: subprocess.Popen[str] | None = None
_owner = 0  # of the process: a fork must not talk to its parent's


class ConverterCrashed(Exception):
    """The process ended instead of answering.

    Attributes:
        log: What it had said.
    """

    def __init__(self, code: int, log: str) -> None:
        self.log = log
        super().__init__(_cause(code))


def warm_up() -> None:
    """Starts the process if there is none; returns at once."""
    with _lock:
        _running()


def convert(folder: Path) -> bytes:
    """Lets the process do the job in a folder.

    Args:
        folder: As `converter_process` describes it.

    Raises:
        ConversionFailed: The converter gave up; the message is its own.
        ConverterCrashed: It ended.
    """
    with _lock:
        code = _ask(folder)
        if code == 0:  # it had just retired
            code = _ask(folder)
    log = _text(folder / "log.txt")
    if code is not None:
        raise ConverterCrashed(code, log)
    if (folder / "error.txt").exists():
        raise ConversionFailed(_text(folder / "error.txt"), log)
    return (folder / "model.tflite").read_bytes()


def _ask(folder: Path) -> int | None:
    """None if it answered, else its exit code."""
    process = _running()
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(f"{folder}\n")
            process.stdin.flush()
        if process.stdout.readline():
            return None
    except BaseException:  # interrupted: its answer would be taken for that of the next job
        _end()
        raise
    code = process.wait()
    _end()
    return code


def _running() -> subprocess.Popen[str]:
    global _process, _owner
    if _process is None or _owner != os.getpid() or _process.poll() is not None:
        _end()
        _process, _owner = _start(), os.getpid()
    return _process


def _start() -> subprocess.Popen[str]:
    # Its errors would otherwise go to a terminal; GPUs are left to the caller.
    return subprocess.Popen(
        [sys.executable, "-m", "tftrain.litert.converter_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C is for the caller, who then ends it
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "CUDA_VISIBLE_DEVICES": "-1",
        },
    )


@atexit.register
def _end() -> None:
    global _process
    process, _process = _process, None
    if process is None or _owner != os.getpid():
        return
    for stream in (process.stdin, process.stdout):
        with contextlib.suppress(BrokenPipeError):
            stream.close()
    process.kill()
    process.wait()


def _cause(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name
    memory = ": the machine may have run out of memory" if name == "SIGKILL" else ""
    return f"was ended by {name}{memory}"


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""
