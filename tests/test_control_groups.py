"""Limits of containers, read from files as Linux lays them out."""

from pathlib import Path

import psutil
import pytest

from tftrain.control_groups import ControlGroups
from tftrain.resources import Memory, Processor

GB = 1 << 30
V1 = "memory.limit_in_bytes", "memory.usage_in_bytes"


@pytest.fixture
def machine(tmp_path):
    """Makes the files of a process and its groups; gives their ControlGroups."""

    def make(mounts, groups, files):
        process = tmp_path / "proc"
        process.mkdir()
        lines = [
            f"30 20 0:26 {root} {tmp_path / point} rw - {kind} {kind} rw,{options}"
            for root, point, kind, options in mounts
        ]
        ordinary = "21 20 8:1 / / rw shared:1 - ext4 /dev/root rw"
        (process / "mountinfo").write_text("\n".join([ordinary, *lines]))
        (process / "cgroup").write_text(groups)
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return ControlGroups(process)

    return make


def test_version_2_takes_the_group_nearest_to_its_limit(machine):
    groups = machine(
        [("/", "cg", "cgroup2", "nsdelegate")],
        "0::/pod/task\n",
        {
            "cg/pod/task/memory.max": "max\n",
            "cg/pod/task/memory.current": "5\n",
            "cg/pod/task/cpu.max": "max 100000\n",
            "cg/pod/memory.max": f"{4 * GB}\n",
            "cg/pod/memory.current": f"{3 * GB}\n",
            "cg/pod/memory.stat": f"anon 7\ninactive_file {GB}\n",
            "cg/pod/cpu.max": "150000 100000\n",
        },
    )
    assert groups.memory() == (2 * GB, 4 * GB)
    assert groups.cores() == 1.5


def test_version_1_has_a_mount_for_each_controller(machine):
    groups = machine(
        [("/", "m", "cgroup", "memory"), ("/", "c", "cgroup", "cpu,cpuacct")],
        "4:memory:/job\n2:cpu,cpuacct:/job\n0::/\n",
        {
            "m/job/memory.limit_in_bytes": f"{2 * GB}",
            "m/job/memory.usage_in_bytes": f"{GB}",
            "m/job/memory.stat": "inactive_file 1\ntotal_inactive_file 1024\n",
            "m/memory.limit_in_bytes": "9223372036854771712",
            "m/memory.usage_in_bytes": f"{GB}",
            "c/job/cpu.cfs_quota_us": "50000",
            "c/job/cpu.cfs_period_us": "100000",
            "c/cpu.cfs_quota_us": "-1",
            "c/cpu.cfs_period_us": "100000",
        },
    )
    assert groups.memory() == (GB - 1024, 2 * GB)
    assert groups.cores() == 0.5


def test_a_container_sees_its_group_as_the_root_of_the_mount(machine):
    groups = machine(
        [("/docker/abc", "m", "cgroup", "memory")],
        "4:memory:/docker/abc\n",
        {"m/memory.limit_in_bytes": f"{GB}", "m/memory.usage_in_bytes": "10"},
    )
    assert groups.memory() == (10, GB)


def test_a_group_outside_of_what_is_mounted_is_that_of_the_mount(machine):
    groups = machine(
        [("/other", "m", "cgroup", "memory")],
        "4:memory:/docker/abc\n",
        {"m/memory.limit_in_bytes": f"{GB}", "m/memory.usage_in_bytes": "10"},
    )
    assert groups.memory() == (10, GB)


def test_without_limits_or_files_there_are_none(machine, tmp_path):
    unlimited = machine([("/", "cg", "cgroup2", "")], "0::/\n", {"cg/cpu.max": "max 100000"})
    absent = ControlGroups(Path(tmp_path / "nowhere"))
    for groups in (unlimited, absent):
        assert groups.memory() is None
        assert groups.cores() is None


def test_a_group_that_is_fuller_than_the_machine_is_what_counts(machine):
    groups = machine(
        [("/", "cg", "cgroup2", "")],
        "0::/\n",
        {
            "cg/memory.max": "1000000",
            "cg/memory.current": "950000",
            "cg/cpu.max": "25000 100000",
        },
    )
    memory = Memory(groups)
    memory.begin()
    figures = memory.figures(1.0)
    assert figures["memory_share"] == pytest.approx(0.95)
    assert figures["memory_limit_bytes"] == 1_000_000
    assert Processor(groups).cores == 0.25


def test_a_limit_beyond_the_machine_is_none(machine):
    files = {"cg/memory.max": str(1 << 50), "cg/memory.current": str((1 << 50) - 1)}
    memory = Memory(machine([("/", "cg", "cgroup2", "")], "0::/\n", files))
    memory.begin()
    assert memory.figures(1.0)["memory_limit_bytes"] == psutil.virtual_memory().total
