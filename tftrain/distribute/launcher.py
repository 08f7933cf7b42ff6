"""Starts a whole cluster on this machine: the same command in every task, each with its TF_CONFIG.

    status = launch(["python", "script.py"], workers=2)

The job's exit status is that of the task that failed first; all others are then ended, with
everything they started. TensorFlow is not imported.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import random
import socket
import sys
import uuid
from collections.abc import Sequence
from typing import TextIO

from tftrain.distribute import allocation
from tftrain.distribute.allocation import Share, Wishes
from tftrain.distribute.clusters import Cluster
from tftrain.distribute.processes import OVER_MEMORY, Group
from tftrain.distribute.restarts import JOB_VARIABLE, RESTART_VARIABLE
from tftrain.distribute.signals import PREEMPTED
from tftrain.errors import LaunchError
from tftrain.live import LaunchedJob

# Below those that Linux gives to outgoing connections, one of which could take a port between the
# moment it is found free and the moment the task listens on it.
_PORTS = range(10_000, 32_768)
GRACE_SECONDS = 30.0  # as Kubernetes has it; tasks may have to save


@dataclasses.dataclass(frozen=True)
class _Failure:
    name: str
    status: int

    @property
    def is_preemption(self) -> bool:
        return self.status in PREEMPTED

    def __str__(self) -> str:
        how = {OVER_MEMORY: "was over its memory limit and ended"}.get(self.status, "failed")
        how = "was preempted" if self.is_preemption else how
        return f"{self.name} {how} with exit status {self.status}"


@dataclasses.dataclass(frozen=True)
class _Plan:
    command: Sequence[str]
    wishes: Wishes
    workers: list[Share]
    others: list[Share]

    def share(self, cluster: Cluster) -> Share:
        if cluster.task_type == "worker":
            return self.workers[cluster.task_index]
        return self.others[cluster.task_index]


def launch(
    command: Sequence[str],
    workers: int,
    ps: int = 0,
    max_restarts: int = 0,
    grace_seconds: float = GRACE_SECONDS,
    output: TextIO | None = None,
    wishes: Wishes | None = None,
) -> int:
    """Runs `command` in every task of a local cluster and waits for the end of the job.

    With parameter servers there is one more task, the chief, which coordinates. Every line that
    a task prints comes out with the task's name before it, in colour on a terminal.

    Args:
        command: The program and its arguments.
        workers: The number of workers, 1 or more.
        ps: The number of parameter servers.
        max_restarts: How many times the whole job is started again after a failure; each time
            on new ports, with `TFTRAIN_RESTART` counting from 0 and the same `TFTRAIN_JOB`.
        grace_seconds: How long a task may take to end after SIGTERM before it is killed; and how
            long tasks may take to end by themselves after one was preempted, since they stop
            together.
        output: Where lines go; standard output by default.
        wishes: Cores, threads and memory of the tasks; by default each worker has cores of its
            own where nothing else keeps them busy.

    Returns:
        0 if every task ended with 0; the status of the first that failed, 128 + N if signal N
        ended it, 125 if it was over its memory limit; 130 after Ctrl-C, 143 after SIGTERM, 138
        after SIGUSR1, 129 after SIGHUP (none is restarted). Whatever signal it was, tasks get
        SIGTERM.

    Raises:
        LaunchError: The arguments are wrong or the program cannot be started.
        AllocationError: There is no such core, or a number is out of range.
    """
    _check(command, workers, ps, max_restarts)
    wishes = wishes or Wishes()
    plan = _Plan(command, wishes, *allocation.of_job(wishes, workers, ps + bool(ps)))
    output = sys.stdout if output is None else output
    with contextlib.closing(LaunchedJob(uuid.uuid4().hex, command)) as job:
        for attempt in range(max_restarts + 1):
            with _group(output, grace_seconds) as group:
                failure = _run(group, plan, local_clusters(workers, ps), (job, attempt))
            if failure is None:
                return 0
            if not failure.name:  # a signal to this process, not a task, ended the job
                return failure.status
            _tell(f"{failure}; all others were ended")
            if attempt < max_restarts:
                _tell(f"starting the job again ({attempt + 1} of at most {max_restarts} times)")
        return failure.status


def _check(command: Sequence[str], workers: int, ps: int, max_restarts: int) -> None:
    problems = [
        f"{name}={value}: expected {least} or more"
        for name, value, least in (
            ("workers", workers, 1),
            ("ps", ps, 0),
            ("max_restarts", max_restarts, 0),
        )
        if value < least
    ]
    if not command:
        problems.append("no command: expected one after --, e.g. -- python script.py")
    if problems:
        raise LaunchError("; ".join(problems))


def _group(output: TextIO, grace_seconds: float) -> Group:
    return Group(output, colour=output.isatty(), grace_seconds=grace_seconds)


def _run(
    group: Group, plan: _Plan, clusters: Sequence[Cluster], start: tuple[LaunchedJob, int]
) -> _Failure | None:
    job, attempt = start
    for cluster in clusters:
        share = plan.share(cluster)
        environ = {
            **os.environ,
            **plan.wishes.environment(share),
            "TF_CONFIG": json.dumps(cluster.tf_config()),
            "PYTHONUNBUFFERED": "1",
            JOB_VARIABLE: job.name,
            RESTART_VARIABLE: str(attempt),
        }
        try:
            group.start(cluster.name, plan.command, environ, share)
        except OSError as error:
            program = plan.command[0]
            raise LaunchError(f"cannot start {program!r}: {error.strerror}") from error
    job.started(attempt, group.numbers)
    name, status = group.wait()
    failure = _Failure(name, status) if status else None
    if failure and not failure.name:
        _tell(f"signal {status - 128}: the tasks have {group.grace_seconds:g} s to save and end")
    elif failure and failure.is_preemption:
        group.wait_for_all()  # they stop together, and the chief may be saving
    return failure


def local_clusters(workers: int, ps: int = 0) -> list[Cluster]:
    """The cluster of a local job on ports that are free now, as each of its tasks sees it."""
    addresses = [f"localhost:{port}" for port in free_ports(workers + ps + bool(ps))]
    jobs = {
        "chief": addresses[: bool(ps)],
        "worker": addresses[bool(ps) : bool(ps) + workers],
        "ps": addresses[bool(ps) + workers :],
    }
    return [
        Cluster(
            workers=tuple(jobs["worker"]),
            ps=tuple(jobs["ps"]),
            chief=next(iter(jobs["chief"]), None),
            task_type=job,
            task_index=index,
        )
        for job, members in jobs.items()
        for index in range(len(members))
    ]


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on; all are held until all are known, so they differ.

    Raises:
        LaunchError: There are not so many.
    """
    ports: list[int] = []
    with contextlib.ExitStack() as stack:
        for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
            if len(ports) == count:
                return ports
            with contextlib.suppress(OSError):
                stack.enter_context(socket.create_server(("", port), reuse_port=False))
                ports.append(port)
    raise LaunchError(f"{count} free ports were needed, and {len(ports)} of {_PORTS} are free")


def _tell(text: str) -> None:
    print(f"tftrain launch: {text}", file=sys.stderr, flush=True)
