"""The process of a trial, in its share of the machine."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tftrain.distribute.allocation import Share
from tftrain.distribute.memory_limits import MemoryLimit

_LOG_END = 4096
# A process becomes the program when it has asked the kernel for a signal on its parent's end. In a
# `preexec_fn` it would be forked with what libraries do at a fork: gRPC's threads make it abort.
_ENDING_WITH_PARENT = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
if os.getppid() != int(sys.argv[1]):
    os.kill(os.getpid(), signal.SIGTERM)
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
os.execvp(sys.argv[2], sys.argv[2:])
"""


class TrialProcess:
    """A training under way, with whatever it starts.

    Where its parent is killed it is asked to save and end, as `stop` does (on Linux).

    Args:
        command: The program and its arguments.
        log: File that its output is appended to.
        environ: Its environment; what it says about threads goes before the share.
        share: Cores it is pinned to, and memory over which it is killed.

    Raises:
        OSError: The program is missing or not executable.
    """

    def __init__(
        self, command: Sequence[str], log: Path, environ: Mapping[str, str], share: Share
    ) -> None:
        with log.open("ab") as output, share.pinned():
            self._process = subprocess.Popen(
                _ending_with_parent(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**share.environment(), **environ},
                start_new_session=True,  # Ctrl-C in the terminal reaches it from here only
            )
        self._limit = share.memory_bytes and MemoryLimit(self._process.pid, share.memory_bytes)
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since it was started."""
        return time.monotonic() - self._began

    def status(self) -> int | None:
        """The exit status, -N after signal N; None as long as it runs."""
        status = self._process.poll()
        if status is not None:
            self.kill()  # what it started and left behind
        return status

    def excess(self) -> str:
        """How far it is over its memory, in words; empty if it is not."""
        used = self._limit and self._limit.excess()
        if not used:
            return ""
        return f"out of memory: it used {used >> 20:,} MiB, and {self._limit.limit >> 20:,} are its"

    def stop(self) -> None:
        """Asks it to save and end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it, and all that it started."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def _ending_with_parent(command: Sequence[str]) -> Sequence[str]:
    """The command by way of a program that becomes it, where the kernel is Linux."""
    if sys.platform != "linux":
        return command
    _require_program(command[0])
    return [sys.executable, "-I", "-S", "-c", _ENDING_WITH_PARENT, str(os.getpid()), *command]


def _require_program(program: str) -> None:
    """Raises what starting it would: the one that becomes it could only tell its log."""
    if shutil.which(program) is None:
        code = errno.EACCES if os.path.exists(program) else errno.ENOENT
        raise OSError(code, os.strerror(code), program)


def why_ended(status: int, log: Path) -> str:
    """In a line: by which signal, or the exit status and what the process said last."""
    if status < 0:
        name = signal.Signals(-status).name
        also = ": by hand, or because memory was short" if -status == signal.SIGKILL else ""
        return f"killed by {name}{also}"
    said = _last_line(log)
    return f"exit status {status}" + (f": {said}" if said else "")


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_END))
        lines = file.read().decode("utf-8", "replace").split("\n")
    return next((" ".join(line.split()) for line in reversed(lines) if line.strip()), "")
