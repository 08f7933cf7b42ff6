"""Cores that this process may use, in an order in which neighbours share caches and memory."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

_SYSTEM = Path("/sys/devices/system")


def usable() -> tuple[int, ...]:
    """Numbers of the cores that this process may run on, ascending."""
    try:
        return tuple(sorted(os.sched_getaffinity(0)))
    except AttributeError:  # not on Linux, where processes are not pinned either
        return tuple(range(os.cpu_count() or 1))


def physical(cores: Iterable[int], system: Path = _SYSTEM) -> list[tuple[int, ...]]:
    """Groups of cores that are threads of one physical core; neighbours stand together.

    Physical cores are ordered by NUMA node, socket and last cache. Where the system does not
    tell, as in some sandboxes, each core is one by itself, in the order of its number.

    Args:
        cores: Numbers of cores; others are left out.
        system: The folder of Linux in which cores and nodes are described.
    """
    wanted = sorted(set(cores))
    nodes = _nodes(system / "node")
    found: dict[tuple[int, ...], tuple[int, ...]] = {}
    for core in wanted:
        folder = system / "cpu" / f"cpu{core}"
        threads = _numbers(folder / "topology" / "thread_siblings_list") or (core,)
        found[threads] = (nodes.get(core, 0), *_neighbourhood(folder), threads[0])
    ordered = sorted(found, key=lambda threads: found[threads])
    return [tuple(core for core in threads if core in wanted) for threads in ordered]


def _nodes(folder: Path) -> dict[int, int]:
    """The NUMA node of each core."""
    return {
        core: int(node.name.removeprefix("node"))
        for node in folder.glob("node[0-9]*")
        for core in _numbers(node / "cpulist")
    }


def _neighbourhood(folder: Path) -> tuple[int, int]:
    """Its socket, and the first core of those that share its last cache."""
    socket = _numbers(folder / "topology" / "physical_package_id") or (0,)
    sharing = _numbers(folder / "cache" / "index3" / "shared_cpu_list") or (0,)
    return socket[0], sharing[0]


def _numbers(file: Path) -> tuple[int, ...]:
    """What a file lists as `0-3,8`; nothing if it cannot be read."""
    try:
        return parse(file.read_text())
    except (OSError, ValueError):
        return ()


def parse(text: str) -> tuple[int, ...]:
    """Numbers of cores, written as Linux and `taskset` do.

    Raises:
        ValueError: It is written otherwise.

    Example:
        >>> parse("0-2,8")
        (0, 1, 2, 8)
    """
    return tuple(sorted({core for part in text.strip().split(",") for core in _span(part)}))


def shown(cores: Iterable[int]) -> str:
    """Numbers of cores as `parse` reads them.

    Example:
        >>> shown((0, 1, 2, 8))
        '0-2,8'
    """
    spans: list[list[int]] = []
    for core in sorted(cores):
        if spans and core == spans[-1][-1] + 1:
            spans[-1] = [spans[-1][0], core]
        else:
            spans.append([core])
    return ",".join("-".join(map(str, span)) for span in spans)


def _span(part: str) -> range:
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
    span = range(int(found[1]), int(found[2] or found[1]) + 1) if found else range(0)
    if not span:
        raise ValueError(f"{part}: expected numbers of cores such as 0-3,8")
    return span
