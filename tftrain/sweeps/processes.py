"""The process of a trial, in its share of the machine."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_LOG_END = 4096


class TrialProcess:
    """A training under way, with whatever it starts.

    Args:
        command: The program and its arguments.
        log: File that its output is appended to.
        environ: Its environment.

    Raises:
        OSError: The program is missing or not executable.
    """

    def __init__(self, command: Sequence[str], log: Path, environ: Mapping[str, str]) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environ),
                start_new_session=True,  # Ctrl-C in the terminal reaches it from here only
            )
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

    def stop(self) -> None:
        """Asks it to save and end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it, and all that it started."""
        self._signal(signal.SIGKILL)

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within some seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.poll() is not None

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


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
