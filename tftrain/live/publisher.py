"""What a process writes about itself, and a launcher about the job it has started."""

from __future__ import annotations

import atexit
import contextlib
import os
import shlex
import shutil
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tftrain.live import folders, usage
from tftrain.notices import notice

LAUNCH = "launch.json"


class Publisher:
    """The file of this process; removed when it ends.

    A training does not fail because this cannot be written: that is said once, on stderr.

    Args:
        task: What the process is in its job, such as `worker 0`.
        job: What names the job; None for a process by itself.
        restart: How often the job was started again.
        run: The run's folder, if there is one.
        makes_folders: Whether this process makes what it needs in the run's folder. The others
            of its job wait until that is there, and are seen on their own machine until then.
    """

    def __init__(
        self,
        task: str,
        *,
        job: str | None = None,
        restart: int = 0,
        run: str | os.PathLike[str] | None = None,
        makes_folders: bool = True,
    ) -> None:
        self._pid = os.getpid()
        self._about = {
            "job": job or f"pid-{self._pid}",
            "task": task,
            "restart": restart,
            "host": socket.gethostname(),
            "pid": self._pid,
            "started": usage.started_at(self._pid),
            "run": None if run is None else str(Path(run).absolute()),
            "command": shlex.join([_program(Path(sys.argv[0])), *sys.argv[1:]]),
        }
        self._name = f"{task.replace(' ', '-')}.json"
        self._inside = None if run is None else Path(run).absolute() / folders.IN_RUN
        self._here: Path | None = None
        self._has_failed = False
        if makes_folders and self._inside is not None:
            with self._telling():
                self._inside.mkdir(parents=True, exist_ok=True)
                self._drop_others()
        atexit.register(self.remove)

    def write(self, fields: Mapping[str, Any]) -> None:
        """Replaces what was written before.

        Args:
            fields: What JSON has a form for.
        """
        content = {**self._about, **fields, "written_at": time.time()}
        with self._telling():
            if self._here is None:
                self._here = folders.of_job(self._about["job"]) / self._name
            if self._inside is None or not self._inside.is_dir():
                folders.write(self._here, content)
                return
            file = self._inside / self._name
            folders.write(file, content)
            if not self._here.is_symlink():
                self._here.unlink(missing_ok=True)
                self._here.symlink_to(file)

    def remove(self) -> None:
        """Removes the file, and the folders that were made for it."""
        atexit.unregister(self.remove)
        if os.getpid() != self._pid:  # a fork of it has ended
            return
        places = [self._inside and self._inside / self._name, self._here]
        for file in filter(None, places):
            with contextlib.suppress(OSError):  # others are in the folder, or it is gone
                file.unlink()
                file.parent.rmdir()

    def _drop_others(self) -> None:
        """What another job has left in the run's folder; one that lives writes it again."""
        for file in self._inside.glob("*.json"):
            told = folders.read(file)
            if told is None or told["job"] != self._about["job"]:
                file.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not self._has_failed:
                self._has_failed = True
                notice(f"`tftrain top` will not show this training: {error}")


class LaunchedJob:
    """The tasks that a launcher has started, whether or not they write about themselves.

    Args:
        job: What names the job.
        command: What its tasks run.

    Attributes:
        name: That name.
    """

    def __init__(self, job: str, command: Sequence[str]) -> None:
        self.name = job
        self._about = {"job": job, "command": shlex.join(command), "host": socket.gethostname()}
        self._folder: Path | None = None

    def started(self, restart: int, tasks: Mapping[str, int]) -> None:
        """Notes the processes of the job.

        Args:
            restart: How often it was started again.
            tasks: Process numbers by name.
        """
        with contextlib.suppress(OSError):
            found = {name: {"pid": pid, "started": _started(pid)} for name, pid in tasks.items()}
            self._folder = folders.of_job(self.name)
            folders.write(
                self._folder / LAUNCH, {**self._about, "restart": restart, "tasks": found}
            )

    def close(self) -> None:
        """Removes all about it."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _program(path: Path) -> str:
    """A script's name; of `python -m`, the module's."""
    return path.parent.name if path.name == "__main__.py" else path.name


def _started(pid: int) -> float:
    try:
        return usage.started_at(pid)
    except Exception:  # it has ended already
        return 0.0
