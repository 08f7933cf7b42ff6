"""What each of several processes on this machine may use of it: cores, threads, memory.

    for share in shares(2, memory_bytes=4 << 30):
        group.start(name, command, os.environ, share)

TensorFlow makes its pools as large as the machine, in every process. Several processes then take
turns on the same cores, and each waits for threads of its own that another has displaced. With
a share a process runs on its cores, and its pools have as many threads. TensorFlow is not imported.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Iterator, Sequence

import psutil

from tftrain.control_groups import ControlGroups, memory_here
from tftrain.distribute import cores as machine
from tftrain.errors import AllocationError
from tftrain.notices import notice
from tftrain.quantities import shown_size

# TensorFlow's pool within an operation (Eigen's, which oneDNN and XLA use too) and its pool
# between operations; then those of NumPy's OpenBLAS and of scikit-learn.
_WITHIN, _BETWEEN = "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"
_OTHERS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# An operation that waits for another process holds a thread between operations.
_LEAST_BETWEEN = 2
_LOOK_SECS = 0.1
_IDLE_SHARE = 0.25  # of the cores' time, which others may use


@dataclasses.dataclass(frozen=True)
class Share:
    """What one process may use.

    Attributes:
        cores: Numbers of the cores it runs on; empty for all that its parent may use.
        memory_bytes: Memory it may use, with all that it starts; None for no limit.
        threads: Threads of each of its pools; None for as many as `cores`.
    """

    cores: tuple[int, ...]
    memory_bytes: int | None = None
    threads: int | None = None

    def environment(self) -> dict[str, str]:
        """Variables that size the pools of TensorFlow, NumPy and scikit-learn.

        Example:
            >>> Share(cores=(4, 5, 6)).environment()["TF_NUM_INTRAOP_THREADS"]
            '3'
        """
        threads = self.threads or len(self.cores)
        if not threads:
            return {}
        between = max(threads, _LEAST_BETWEEN)
        return {
            _WITHIN: str(threads),
            _BETWEEN: str(between),
            **dict.fromkeys(_OTHERS, str(threads)),
        }

    @contextlib.contextmanager
    def pinned(self) -> Iterator[None]:
        """What this thread starts meanwhile runs on these cores, with all its threads.

        Where processes cannot be pinned, as on macOS, it does nothing.

        Example:
            >>> import subprocess, sys
            >>> code = "import os; print(len(os.sched_getaffinity(0)))"
            >>> with Share(cores=machine.usable()[:1]).pinned():
            ...     found = subprocess.run([sys.executable, "-c", code], capture_output=True)
            >>> found.stdout
            b'1\\n'
        """
        if not self.cores or not hasattr(os, "sched_setaffinity"):
            yield
            return
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, self.cores)
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)


def shares(
    processes: int,
    *,
    memory_bytes: int | None = None,
    cores: Sequence[int] | None = None,
    threads: int | None = None,
) -> list[Share]:
    """Divides this machine's cores between processes that run at the same time.

    Each gets neighbours: whole physical cores of one NUMA node as far as that goes. Where there
    are more processes than cores, they share them in turn, which is said on stderr. Where a
    control group allows less processor time than there are cores, pools are smaller.

    Args:
        processes: How many, 1 or more.
        memory_bytes: What each may use; None for no limit.
        cores: Those to divide; by default all that this process may run on.
        threads: Threads of each pool; by default as many as the share is worth.

    Raises:
        AllocationError: A number is out of range, or a core is not there or not allowed.

    Example:
        >>> (share,) = shares(1, cores=machine.usable()[:1], memory_bytes=1 << 30)
        >>> share.threads
        1
    """
    allowed = machine.usable()
    chosen = tuple(sorted(set(allowed if cores is None else cores)))
    _check(processes, memory_bytes, threads, chosen, allowed)
    parts = _divided(machine.physical(chosen), processes)
    if processes > len(chosen):
        notice(f"{processes} processes share {len(chosen)} cores in turn, each pinned to one")
    worth = min(1.0, (ControlGroups().cores() or len(allowed)) / len(allowed))  # of a core
    return [
        Share(part, memory_bytes, threads or max(1, round(worth * len(part)))) for part in parts
    ]


@dataclasses.dataclass(frozen=True)
class Wishes:
    """What a job's tasks are to get of this machine.

    Attributes:
        pin: Whether each worker runs on cores of its own; None for where nothing else does.
        cores: Numbers of the cores that all tasks together may use; None for all.
        threads: Threads of each pool; None for as many as cores.
        memory_bytes: What each task may use; None for no limit.
    """

    pin: bool | None = None
    cores: tuple[int, ...] | None = None
    threads: int | None = None
    memory_bytes: int | None = None

    def environment(self, share: Share) -> dict[str, str]:
        """Variables that hold although the user has set others: those that were asked for."""
        return share.environment() if self.threads else {}


def of_job(wishes: Wishes, workers: int, others: int = 0) -> tuple[list[Share], list[Share]]:
    """Shares of workers, and of parameter servers and chief.

    Workers divide the cores between them if they are pinned. Unasked they are not where other
    programs use the cores, since a worker then waits on its own while another is idle, and all wait
    for it; that is said on stderr. The others are not pinned: what they do all workers
    wait for, and it is done while some of these wait.

    Args:
        wishes: What was asked for.
        workers: How many there are.
        others: How many tasks there are besides.

    Raises:
        AllocationError: As `shares` does.
    """
    limits = {"memory_bytes": wishes.memory_bytes, "threads": wishes.threads}
    _warn_of_too_much(workers + others, wishes.memory_bytes)
    (whole,) = shares(1, cores=wishes.cores, **limits)
    everywhere = Share(wishes.cores or (), **limits)
    if not pins(wishes.pin, workers, whole.cores, "workers"):
        return [everywhere] * workers, [everywhere] * others
    return shares(workers, cores=wishes.cores, **limits), [everywhere] * others


def pins(wanted: bool | None, processes: int, cores: Sequence[int], name: str) -> bool:
    """Whether several processes get cores of their own; if others use them that is said on stderr.

    Args:
        wanted: Whether they are to; None for where nothing else uses the cores.
        processes: How many.
        cores: Those to divide.
        name: What the processes are.
    """
    return processes > 1 and _are_idle(cores, name) if wanted is None else wanted


def _are_idle(cores: Sequence[int], name: str) -> bool:
    """Whether other programs leave them to these processes, as they do now; says so if not."""
    busy = psutil.cpu_percent(interval=_LOOK_SECS, percpu=True)
    used = sum(busy[core] for core in cores if core < len(busy)) / 100
    if used < _IDLE_SHARE * len(cores):
        return True
    notice(
        f"{name} are not pinned to cores, since other programs use {used:.1f} of the "
        f"{len(cores)}; --pin pins them all the same"
    )
    return False


def _warn_of_too_much(tasks: int, each: int | None) -> None:
    there = memory_here()
    if each and tasks * each > there:
        notice(
            f"{tasks} tasks of {shown_size(each)} are more than the {shown_size(there)} that are "
            "here: memory may run out before one is over its limit"
        )


def _check(
    processes: int,
    memory_bytes: int | None,
    threads: int | None,
    chosen: tuple[int, ...],
    allowed: tuple[int, ...],
) -> None:
    problems = [
        f"{name}={value}: expected 1 or more"
        for name, value in (
            ("processes", processes),
            ("memory_bytes", memory_bytes),
            ("threads", threads),
        )
        if value is not None and value < 1
    ]
    if not chosen:
        problems.append("cores is empty: expected at least one")
    if missing := sorted(set(chosen) - set(allowed)):
        problems.append(
            f"cores {machine.shown(missing)} cannot be used by this process; expected some of "
            f"{machine.shown(allowed)}"
        )
    if problems:
        raise AllocationError(problems)


def _divided(physical: list[tuple[int, ...]], processes: int) -> list[tuple[int, ...]]:
    """Parts of nearly equal size; a physical core is parted only if there are too few."""
    alone = [(core,) for threads in physical for core in threads]
    units = physical if processes <= len(physical) else alone
    if processes > len(units):
        return [units[place % len(units)] for place in range(processes)]
    ends = [len(units) * place // processes for place in range(processes + 1)]
    return [tuple(sorted(sum(units[a:b], ()))) for a, b in itertools.pairwise(ends)]
