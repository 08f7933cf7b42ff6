"""Running jobs as tables and as JSON."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tftrain import quantities
from tftrain.live import Job, Task, Usage
from tftrain.text_tables import aligned

_COLUMNS = (
    "task", "epoch", "step", "steps/s", "examples/s", "input wait", "cores", "memory", "state",
)  # fmt: skip
_TRAFFIC = ("received", "sent", "loopback")


class Views:
    """What jobs do, from one look to the next."""

    def __init__(self) -> None:
        self._looks: dict[tuple[int, float], Usage] = {}
        self._used: dict[tuple[int, float], dict[str, Any]] = {}

    def look(self, jobs: Sequence[Job]) -> None:
        """Looks at the processes of this machine; what others use they have told."""
        for task in (each for job in jobs for each in job.tasks):
            key = (task.pid, task.started)
            if task.is_here:
                self._used[key] = self._looks.setdefault(key, Usage(task.pid)).look()
            else:
                self._used[key] = dict(task.told.get("usage", {}))

    def text(self, jobs: Sequence[Job]) -> str:
        """A table of one job's tasks, or of several jobs."""
        return self._job(jobs[0]) if len(jobs) == 1 else "\n\n".join(map(self._job, jobs))

    def as_json(self, jobs: Sequence[Job]) -> list[dict[str, Any]]:
        """The same for programs."""
        return [
            {
                "job": job.name,
                "command": job.command,
                "run": job.run,
                "restart": job.restart,
                "seconds": round(time.time() - job.since, 1),
                "tasks": [self._task(task) for task in job.tasks],
            }
            for job in jobs
        ]

    def _task(self, task: Task) -> dict[str, Any]:
        told = {
            name: task.told.get(name)
            for name in (
                "phase", "epoch", "epochs", "step", "steps", "steps_per_second",
                "examples_per_second", "input_wait_share",
            )
        }  # fmt: skip
        return {
            "task": task.name,
            "host": task.host,
            "pid": task.pid,
            "state": task.state(),
            "is_hung": task.is_hung(),
            **told,
            "usage": self._usage(task),
        }

    def _usage(self, task: Task) -> dict[str, Any]:
        return self._used.get((task.pid, task.started), {})

    def _job(self, job: Job) -> str:
        rows = [_COLUMNS, *(self._row(task) for task in job.tasks)]
        several = len({task.host for task in job.tasks}) > 1
        if several:
            hosts = ["host", *(task.host for task in job.tasks)]
            rows = [(row[0], host, *row[1:]) for row, host in zip(rows, hosts, strict=True)]
        return "\n".join([*_heading(job), "", aligned(rows), "", *self._traffic(job)])

    def _row(self, task: Task) -> tuple[str, ...]:
        told, used = task.told, self._usage(task)
        return (
            task.name,
            _of(told.get("epoch"), told.get("epochs")),
            _of(told.get("step"), told.get("steps")) if told.get("epoch") else "-",
            _number(told.get("steps_per_second")),
            _number(told.get("examples_per_second")),
            _percent(told.get("input_wait_share")),
            _cores(used),
            _size(used.get("memory_bytes")),
            f"{task.state()}  <- HUNG?" if task.is_hung() else task.state(),
        )

    def _traffic(self, job: Job) -> Iterator[str]:
        """Lines about networks, each once, however many tasks are in it."""
        networks: dict[tuple[str, str], Mapping[str, Any]] = {}
        for task in job.tasks:
            used = self._usage(task)
            if "received" in used:
                networks[task.host, used.get("network_space", "")] = used
        for (host, _), used in networks.items():
            received, sent, loopback = (f"{_size(used[name])}/s" for name in _TRAFFIC)
            yield (
                f"network of {host}, all programs: {received} received, {sent} sent, "
                f"{loopback} within (loopback)"
            )


def _heading(job: Job) -> Iterator[str]:
    since = _duration(time.time() - job.since)
    again = f", restart {job.restart}" if job.restart else ""
    yield f"job {job.short_name}  for {since}{again}  {_shortened(job.command)}"
    if job.run:
        yield f"run {job.run}"


def _shortened(command: str, most: int = 100) -> str:
    return command if len(command) <= most else f"{command[: most - 3]}..."


def _of(number: int | None, total: int | None) -> str:
    if number is None:
        return "-"
    return f"{number:,}" if total is None else f"{number:,}/{total:,}"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _cores(used: Mapping[str, Any]) -> str:
    if "cpu_cores" not in used:
        return "-"
    return f"{used['cpu_cores']:.2f} of {used['cores']}"


def _size(size: float | None) -> str:
    return "-" if size is None else quantities.shown_size(size)


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
