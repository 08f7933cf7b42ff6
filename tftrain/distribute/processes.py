"""A group of processes that begin and end together, their lines told apart by a prefix.

Each process leads a process group of its own, so that what it starts ends with it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from types import FrameType, TracebackType
from typing import IO, TextIO

from tftrain.distribute.allocation import Share
from tftrain.distribute.memory_limits import MemoryLimit
from tftrain.distribute.prefixes import Prefix
from tftrain.notices import notice
from tftrain.quantities import shown_size

OVER_MEMORY = 125  # the exit status of a task that was over its limit; Slurm says the same
_POLL_SECONDS = 0.05
_DRAIN_SECONDS = 0.5


@dataclasses.dataclass
class _Task:
    name: str
    process: subprocess.Popen[bytes]
    prefix: Prefix
    limit: MemoryLimit | None = None
    is_over: bool = False

    @property
    def status(self) -> int | None:
        """As a shell tells it; None while it runs."""
        code = self.process.poll()
        return OVER_MEMORY if self.is_over and code else code and _status(code)


class Group:
    """Processes that are all ended when the block is left, whatever the reason.

    Args:
        output: Where the prefixed lines go.
        colour: Whether prefixes are coloured.
        grace_seconds: Time from SIGTERM to SIGKILL; an attribute too.
    """

    def __init__(self, output: TextIO, colour: bool, grace_seconds: float) -> None:
        self._output = output
        self._colour = colour
        self.grace_seconds = grace_seconds
        self._tasks: list[_Task] = []
        self._selector = selectors.DefaultSelector()
        self._signal: int | None = None
        self._handlers: dict[int, object] = {}

    def __enter__(self) -> Group:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            with contextlib.suppress(ValueError):  # not in the main thread
                self._handlers[number] = signal.signal(number, self._note_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._end_all()
        finally:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
            self._selector.close()

    def start(
        self,
        name: str,
        command: Sequence[str],
        environ: Mapping[str, str],
        share: Share | None = None,
    ) -> None:
        """Starts a process.

        Args:
            name: What is put before its lines.
            command: The program and its arguments.
            environ: All of its variables; what they say about threads goes before the share.
            share: Cores it is pinned to, and memory over which it is killed, with all that it
                has started; that is said on stderr, and its status is then `OVER_MEMORY`.

        Raises:
            OSError: The program is missing or not executable.
        """
        share = share or Share(cores=())
        with share.pinned():
            process = subprocess.Popen(
                command,
                env={**share.environment(), **environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        prefix = Prefix(name, len(self._tasks), self._output, self._colour)
        limit = share.memory_bytes and MemoryLimit(process.pid, share.memory_bytes)
        task = _Task(name, process, prefix, limit)
        self._tasks.append(task)
        os.set_blocking(process.stdout.fileno(), False)
        self._selector.register(process.stdout, selectors.EVENT_READ, task)

    @property
    def numbers(self) -> dict[str, int]:
        """The processes' numbers by their names."""
        return {task.name: task.process.pid for task in self._tasks}

    def wait(self) -> tuple[str, int]:
        """Passes lines on until all processes have ended well, one has failed, or a signal came.

        Returns:
            The name and exit status of the first that failed; `("", 128 + N)` after signal N;
            `("", 0)` if none failed.
        """
        running = list(self._tasks)
        while running and self._signal is None:
            self._pass_lines(_POLL_SECONDS)
            ended = [one for one in running if one.status is not None]
            for task in sorted(ended, key=lambda one: not one.is_over):  # others end because of it
                running.remove(task)
                if task.status:
                    return task.name, task.status
        return "", 0 if self._signal is None else 128 + self._signal

    def wait_for_all(self) -> None:
        """Passes lines on until all processes have ended by themselves, or the grace is over."""
        deadline = time.monotonic() + self.grace_seconds
        while self._signal is None and self._alive() and time.monotonic() < deadline:
            self._pass_lines(_POLL_SECONDS)

    def _note_signal(self, number: int, frame: FrameType | None) -> None:
        self._signal = number

    def _pass_lines(self, seconds: float) -> None:
        """Waits so long for lines at most, and looks at limits."""
        for task in self._tasks:
            _hold_limit(task)
        for key, _ in self._selector.select(seconds):
            if not _forward(key.fileobj, key.data.prefix):
                self._selector.unregister(key.fileobj)
        if not self._selector.get_map():
            time.sleep(seconds)

    def _end_all(self) -> None:
        self._signal_groups(signal.SIGTERM)
        deadline = time.monotonic() + self.grace_seconds
        while self._alive() and time.monotonic() < deadline:
            self._pass_lines(_POLL_SECONDS)
        self._signal_groups(signal.SIGKILL)
        for task in self._tasks:
            task.process.wait()
        self._drain()

    def _drain(self) -> None:
        # A process that left its group may hold the pipe open: do not wait for it for ever.
        deadline = time.monotonic() + _DRAIN_SECONDS
        while self._selector.get_map() and time.monotonic() < deadline:
            self._pass_lines(_POLL_SECONDS)
        for task in self._tasks:
            task.prefix.finish()
            task.process.stdout.close()

    def _alive(self) -> bool:
        return any(_group_exists(task.process) for task in self._tasks)

    def _signal_groups(self, number: int) -> None:
        for task in self._tasks:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(task.process.pid, number)


def _hold_limit(task: _Task) -> None:
    """Kills a task that is over its limit, and says so."""
    is_held = task.limit and not task.is_over and task.process.poll() is None
    used = task.limit.excess() if is_held else None
    if used is None:
        return
    task.is_over = True
    with contextlib.suppress(ProcessLookupError):
        os.killpg(task.process.pid, signal.SIGKILL)  # while it saved, memory would go on growing
    notice(
        f"{task.name} used {shown_size(used)} of memory and may use "
        f"{shown_size(task.limit.limit)}: it was killed; give it more, or a smaller batch"
    )


def _group_exists(process: subprocess.Popen[bytes]) -> bool:
    process.poll()  # reaps the leader; its children may live on
    try:
        os.killpg(process.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _status(returncode: int) -> int:
    return returncode if returncode > 0 else 128 - returncode


def _forward(pipe: IO[bytes], prefix: Prefix) -> bool:
    """Passes on what there is to read; False at the end."""
    data = pipe.read(65536)
    if data:
        prefix.write(data)
    return data != b""
