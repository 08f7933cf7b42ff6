"""Machines laid out as Linux describes them in /sys."""

import pytest

from tftrain.distribute import cores


@pytest.fixture
def machine(tmp_path):
    """Writes what Linux tells of cores: threads of one core, sockets, caches and nodes."""

    def write(name, text):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")

    def make(threads, nodes=(), sockets=(), caches=()):
        for listed in threads:
            for core in cores.parse(listed):
                write(f"cpu/cpu{core}/topology/thread_siblings_list", listed)
        for place, listed in enumerate(nodes):
            write(f"node/node{place}/cpulist", listed)
        for place, listed in enumerate(sockets):
            for core in cores.parse(listed):
                write(f"cpu/cpu{core}/topology/physical_package_id", place)
        for listed in caches:
            for core in cores.parse(listed):
                write(f"cpu/cpu{core}/cache/index3/shared_cpu_list", listed)
        return tmp_path

    return make


def test_threads_of_one_core_stand_together(machine):
    system = machine(["0,4", "1,5", "2,6", "3,7"])
    assert cores.physical(range(8), system) == [(0, 4), (1, 5), (2, 6), (3, 7)]


def test_cores_of_one_node_are_neighbours(machine):
    system = machine(["0", "1", "2", "3"], nodes=["0,2", "1,3"])
    assert cores.physical(range(4), system) == [(0,), (2,), (1,), (3,)]


def test_cores_of_one_socket_and_cache_are_neighbours(machine):
    system = machine(["0", "1", "2", "3"], sockets=["0,2", "1,3"])
    assert cores.physical(range(4), system) == [(0,), (2,), (1,), (3,)]
    system = machine([], sockets=["0-3"], caches=["0,3", "1,2"])
    assert cores.physical(range(4), system) == [(0,), (3,), (1,), (2,)]


def test_cores_that_may_not_be_used_are_left_out(machine):
    system = machine(["0,4", "1,5", "2,6", "3,7"])
    assert cores.physical([1, 4, 5], system) == [(4,), (1, 5)]


def test_without_a_description_each_core_is_one(tmp_path):
    assert cores.physical([3, 1], tmp_path) == [(1,), (3,)]


def test_this_machine_is_described_whole():
    assert sorted(sum(cores.physical(cores.usable()), ())) == [*cores.usable()]


@pytest.mark.parametrize("text", ["", "a", "3-1", "-2", "1,,2"])
def test_what_is_no_list_of_cores(text):
    with pytest.raises(ValueError, match="such as 0-3,8"):
        cores.parse(text)
