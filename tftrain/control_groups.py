"""What a container may use: the limits of Linux control groups, versions 1 and 2.

Inside of a container `/proc/meminfo` and the number of cores are those of the whole machine; what
ends a process there is the limit of its control group, or of one of the groups around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil


class GroupMemory(NamedTuple):
    """Memory of a control group.

    Attributes:
        used: Bytes in use by all that is in it, without file cache that can be dropped.
        limit: Bytes it may use.
    """

    used: int
    limit: int


class ControlGroups:
    """The control groups that this process is in, from its own up to the outermost visible one.

    Args:
        process: Its folder in `/proc`.

    Reference: Linux kernel, *Control Group v2* and *Memory Resource Controller* (version 1).
    """

    def __init__(self, process: Path = Path("/proc/self")) -> None:
        mounts = list(_mounts(_text(process / "mountinfo")))
        groups = dict(_groups(_text(process / "cgroup")))
        self._memory = [*_folders("memory", mounts, groups)]
        self._processor = [*_folders("cpu", mounts, groups)]

    def memory(self) -> GroupMemory | None:
        """The group nearest to its limit; None where none has one."""
        limited = [found for each in self._memory if (found := _memory_of(each))]
        return max(limited, key=lambda each: each.used / each.limit, default=None)

    def cores(self) -> float | None:
        """Cores' worth of processor time, of the tightest group; None where none has a quota."""
        return min((found for each in self._processor if (found := _cores_of(each))), default=None)


def memory_here() -> int:
    """Bytes of memory that there are for this process and all others of its control group."""
    group, there = ControlGroups().memory(), psutil.virtual_memory().total
    return min(there, group.limit) if group else there


class _Mount(NamedTuple):
    root: str
    point: Path
    controllers: frozenset[str]  # empty for version 2, which has all in one place


def _mounts(mountinfo: str) -> Iterator[_Mount]:
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, *_, options) = before.split(), after.split()
        if kind in ("cgroup", "cgroup2"):
            controllers = options.split(",") if kind == "cgroup" else ()
            yield _Mount(fields[3], Path(fields[4]), frozenset(controllers))


def _groups(cgroup: str) -> Iterator[tuple[str, str]]:
    """Pairs of a controller and the path of its group; the controller of version 2 is ''."""
    for line in cgroup.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            yield controller, path


def _folders(controller: str, mounts: list[_Mount], groups: dict[str, str]) -> Iterator[Path]:
    for mount in mounts:
        name = controller if controller in mount.controllers else ""
        if (name or not mount.controllers) and name in groups:
            yield from _upwards(mount, groups[name])


def _upwards(mount: _Mount, group: str) -> Iterator[Path]:
    inside = Path(group).relative_to(mount.root) if _is_below(group, mount.root) else Path()
    yield from (mount.point / each for each in (inside, *inside.parents))


def _is_below(group: str, root: str) -> bool:
    return Path(group).is_relative_to(root)


def _memory_of(folder: Path) -> GroupMemory | None:
    limit = _number(folder / "memory.max") or _number(folder / "memory.limit_in_bytes")
    used = _number(folder / "memory.current") or _number(folder / "memory.usage_in_bytes")
    if not limit or used is None or limit >= 1 << 60:  # version 1 says "none" by a huge number
        return None
    return GroupMemory(max(0, used - _droppable(folder)), limit)


def _droppable(folder: Path) -> int:
    """Bytes of file cache that has not been used lately, of the group and all within it."""
    lines = (line.split() for line in _text(folder / "memory.stat").splitlines())
    found = {name: int(value) for name, value in lines}
    return found.get("total_inactive_file", found.get("inactive_file", 0))


def _cores_of(folder: Path) -> float | None:
    quota, _, period = _text(folder / "cpu.max").strip().partition(" ")
    if not quota:
        quota = _text(folder / "cpu.cfs_quota_us").strip()
        period = _text(folder / "cpu.cfs_period_us").strip()
    if not quota.isdigit() or not period.isdigit():  # "max", or -1: no quota
        return None
    return int(quota) / int(period)


def _number(file: Path) -> int | None:
    text = _text(file).strip()
    return int(text) if text.isdigit() else None


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
