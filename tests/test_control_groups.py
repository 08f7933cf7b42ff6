"""Limits of containers, read from files as Linux lays them out."""

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


@pytest.fixture
def version_2(machine):
    """Makes the files of a machine that has groups of version 2 alone."""

    def make(files, group="/"):
        mounted = {f"cg/{name}": content for name, content in files.items()}
        return machine([("/", "cg", "cgroup2", "nsdelegate")], f"0::{group}\n", mounted)

    return make


def test_version_2_takes_the_group_nearest_to_its_limit(version_2):
    files = {
        "pod/task/memory.max": "max\n",
        "pod/task/memory.current": "5\n",
        "pod/task/cpu.max": "max 100000\n",
        "pod/memory.max": f"{4 * GB}\n",
        "pod/memory.current": f"{3 * GB}\n",
        "pod/memory.stat": f"anon 7\ninactive_file {GB}\n",
        "pod/cpu.max": "150000 100000\n",
    }
    groups = version_2(files, "/pod/task")
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


@pytest.mark.parametrize("mounted", ["/docker/abc", "/other"], ids=["its own", "another"])
def test_a_group_that_is_not_below_what_is_mounted_is_the_root_of_the_mount(machine, mounted):
    groups = machine(
        [(mounted, "m", "cgroup", "memory")],
        "4:memory:/docker/abc\n",
        {"m/memory.limit_in_bytes": f"{GB}", "m/memory.usage_in_bytes": "10"},
    )
    assert groups.memory() == (10, GB)


def test_without_limits_there_are_none(version_2):
    groups = version_2({"cpu.max": "max 100000"})
    assert (groups.memory(), groups.cores()) == (None, None)


def test_without_files_there_are_no_limits(tmp_path):
    groups = ControlGroups(tmp_path / "nowhere")
    assert (groups.memory(), groups.cores()) == (None, None)


def test_a_group_that_is_fuller_than_the_machine_is_what_counts(version_2):
    full = {"memory.max": "1000000", "memory.current": "950000", "cpu.max": "25000 100000"}
    groups = version_2(full)
    memory = Memory(groups)
    memory.begin()
    figures = memory.figures(1.0)
    assert figures["memory_share"] == pytest.approx(0.95)
    assert figures["memory_limit_bytes"] == 1_000_000
    assert Processor(groups).cores == 0.25


def test_a_limit_beyond_the_machine_is_none(version_2):
    files = {"memory.max": str(1 << 50), "memory.current": str((1 << 50) - 1)}
    memory = Memory(version_2(files))
    memory.begin()
    assert memory.figures(1.0)["memory_limit_bytes"] == psutil.virtual_memory().total
