"""Jobs under way, put together from what their processes have written."""

from __future__ import annotations

import dataclasses
import os
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tftrain.live import folders, usage
from tftrain.live.publisher import LAUNCH

_LOST_SECS = 60.0  # without a word from another machine: then it is taken for gone
_TRAINED_SECS = 600.0  # the same of one that has trained, and writes no more
_SILENT_SECS = 15.0  # without a word from a process that writes about every second
_LEAST_SECS = 30.0  # without a step
_GAPS = 5.0  # how many times as long as the longest time between two reports is too long
_FIRST_STEP_SECS = 300.0  # tracing and compiling come before it


@dataclasses.dataclass(frozen=True)
class Task:
    """A process of a job.

    Attributes:
        name: Such as `worker 0`.
        host: Where it runs.
        pid: Its number there.
        started: When it was started, by that machine's clock.
        told: What it has written of itself last; empty if it writes nothing.
    """

    name: str
    host: str
    pid: int
    started: float
    told: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def is_here(self) -> bool:
        """Whether it runs on this machine, where one can look at it."""
        return self.host == socket.gethostname()

    def runs(self, now: float | None = None) -> bool:
        """Whether it is there, as far as can be known from here.

        Args:
            now: Seconds since 1970; None for now.
        """
        if self.is_here:
            return usage.is_alive(self.pid, self.started)
        if not self.told:  # nothing is known of a process elsewhere but that it was started
            return False
        limit = _TRAINED_SECS if self._is_trained() else _LOST_SECS
        return self._silence(time.time() if now is None else now) < limit

    def state(self, now: float | None = None) -> str:
        """In a word or two what it does: its phase, or what is wrong with it.

        Args:
            now: Seconds since 1970; None for now.
        """
        now = time.time() if now is None else now
        if not self.runs(now):
            return "gone"
        if not self.told:
            return "running"
        if self._is_trained():
            return "trained"
        if self._silence(now) >= _SILENT_SECS:
            return f"silent for {self._silence(now):,.0f} s"
        idle = now - self.told.get("progress_at", now)
        return f"no step for {idle:,.0f} s" if self._is_stuck(idle) else self.told["phase"]

    def is_hung(self, now: float | None = None) -> bool:
        """Whether it is there, but has not done anything for long."""
        return self.state(now).startswith(("silent", "no step"))

    def _silence(self, now: float) -> float:
        return now - self.told["written_at"]

    def _is_trained(self) -> bool:
        return self.told.get("phase") == "trained"

    def _is_stuck(self, idle: float) -> bool:
        if self.told["phase"] == "starting":
            return idle > _FIRST_STEP_SECS
        if self.told["phase"] != "training":
            return False
        return idle > max(_LEAST_SECS, _GAPS * self.told["longest_gap"])


@dataclasses.dataclass(frozen=True)
class Job:
    """Processes that train together.

    Attributes:
        name: What tells it from other jobs.
        tasks: In order of their names; the chief first.
        command: What each runs.
        run: The run's folder; None if it has none, or it is not known.
        restart: How often it was started again.
    """

    name: str
    tasks: tuple[Task, ...]
    command: str
    run: str | None
    restart: int

    @property
    def since(self) -> float:
        """When the first of its processes was started, in seconds since 1970."""
        return min(task.started for task in self.tasks)

    @property
    def short_name(self) -> str:
        """What it is shown by: the first of many digits, or the whole number of a process."""
        return self.name if self.name.startswith("pid-") else self.name[:8]

    def runs(self) -> bool:
        """Whether any of its processes does."""
        return any(task.runs() for task in self.tasks)


def running() -> list[Job]:
    """The jobs of this user that have a process on this machine, the oldest first."""
    found = []
    for folder in folders.jobs():
        job = _job([folder])
        if job is not None and job.runs():
            found.append(job)
        else:
            folders.clear(folder)
    return sorted(found, key=lambda job: job.since)


def of_run(path: str | os.PathLike[str]) -> Job | None:
    """The job that trains in a run's folder, on whichever machines; None if none does."""
    job = _job([Path(path).absolute() / folders.IN_RUN])
    return job if job is not None and job.runs() else None


def _job(places: Iterable[Path]) -> Job | None:
    """What is told in folders, and in those of the runs that are named there."""
    statuses, launch = _read(places)
    runs = {told["run"] for told in statuses if told.get("run")}
    names = {told["job"] for told in statuses}
    more = [parent / name for parent in folders.of_user() for name in names]
    others, also = _read([*more, *(Path(run, folders.IN_RUN) for run in runs)])
    launch = launch or also
    tasks = _launched(launch) if launch else {}
    statuses = _of_the_last_start([*others, *statuses], launch)
    for told in statuses:
        tasks[told["task"]] = Task(told["task"], told["host"], told["pid"], told["started"], told)
    if not tasks:
        return None
    about = launch or statuses[0]
    return Job(
        about["job"],
        tuple(tasks[name] for name in sorted(tasks, key=_order)),
        about["command"],
        next(iter(sorted(runs)), None),
        about["restart"],
    )


def _of_the_last_start(
    statuses: Sequence[dict[str, Any]], launch: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Without what processes have left that were killed before the job was started again."""
    starts = [told["restart"] for told in (*statuses, *([launch] if launch else []))]
    return [told for told in statuses if told["restart"] == max(starts)]


def _read(places: Iterable[Path]) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """What processes have written of themselves, and what their launcher has."""
    statuses, launch = [], None
    for place in places:
        for file in sorted(place.glob("*.json")):
            told = folders.read(file)
            if told is not None and file.name == LAUNCH:
                launch = told
            elif told is not None:
                statuses.append(told)
    return statuses, launch


def _launched(launch: Mapping[str, Any]) -> dict[str, Task]:
    return {
        name: Task(name, launch["host"], of["pid"], of["started"])
        for name, of in launch["tasks"].items()
    }


def _order(name: str) -> tuple[str, int, str]:
    kind, _, index = name.partition(" ")
    return kind, int(index) if index.isdecimal() else 0, name
