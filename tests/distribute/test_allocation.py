"""Shares of this machine and of machines that are not there; real processes, none of TensorFlow."""

import io
import json
import os
import sys
import textwrap

import pytest

from tftrain.distribute import allocation
from tftrain.distribute import cores as machine
from tftrain.distribute.allocation import Share, Wishes, shares
from tftrain.distribute.processes import OVER_MEMORY, Group
from tftrain.errors import AllocationError


@pytest.fixture
def eight_cores(monkeypatch):
    """Four physical cores of two threads each: 0 and 4, 1 and 5, ..."""
    monkeypatch.setattr(machine, "usable", lambda: tuple(range(8)))
    monkeypatch.setattr(
        machine,
        "physical",
        lambda cores: [each for i in range(4) if (each := tuple({i, i + 4} & {*cores}))],
    )


@pytest.mark.parametrize(
    ("processes", "expected"),
    [
        (1, [(0, 1, 2, 3, 4, 5, 6, 7)]),
        (2, [(0, 1, 4, 5), (2, 3, 6, 7)]),
        (3, [(0, 4), (1, 5), (2, 3, 6, 7)]),
        (4, [(0, 4), (1, 5), (2, 6), (3, 7)]),
        (8, [(0,), (4,), (1,), (5,), (2,), (6,), (3,), (7,)]),
    ],
)
def test_neighbouring_cores_belong_to_one_process(eight_cores, processes, expected):
    assert [share.cores for share in shares(processes)] == expected


def test_a_process_has_as_many_threads_as_cores(eight_cores):
    assert [share.threads for share in shares(3)] == [2, 2, 4]


def test_a_quota_makes_pools_smaller_and_leaves_the_cores(eight_cores, monkeypatch):
    monkeypatch.setattr(allocation.ControlGroups, "cores", lambda self: 4.0)
    assert [(share.threads, len(share.cores)) for share in shares(2)] == [(2, 4), (2, 4)]


def test_more_processes_than_cores_share_them_in_turn(eight_cores, capsys):
    assert [share.cores for share in shares(3, cores=[0, 1])] == [(0,), (1,), (0,)]
    assert "3 processes share 2 cores in turn" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"processes": 0}, "processes=0"),
        ({"processes": 1, "memory_bytes": 0}, "memory_bytes=0"),
        ({"processes": 1, "threads": -1}, "threads=-1"),
        ({"processes": 1, "cores": []}, "cores is empty"),
        ({"processes": 1, "cores": [3, 99]}, "cores 99 cannot be used"),
    ],
)
def test_bad_input(eight_cores, options, said):
    with pytest.raises(AllocationError) as caught:
        shares(**options)
    assert said in str(caught.value)


def test_threads_of_every_library(eight_cores):
    environment = Share(cores=(0, 1), threads=3).environment()
    assert set(environment.values()) == {"3"}
    assert "OMP_NUM_THREADS" in environment
    assert Share(cores=()).environment() == {}


def test_one_thread_between_operations_is_too_few():
    assert Share(cores=(0,)).environment()["TF_NUM_INTEROP_THREADS"] == "2"


def job_cores(monkeypatch, busy, **wishes):
    """Cores of each of two workers, and of a server, where others use so much of each core."""
    monkeypatch.setattr(allocation.psutil, "cpu_percent", lambda interval, percpu: [busy] * 8)
    workers, others = allocation.of_job(Wishes(**wishes), workers=2, others=1)
    return [share.cores for share in (*workers, *others)]


HALVES = [(0, 1, 4, 5), (2, 3, 6, 7)]


def test_workers_are_pinned_where_nothing_else_runs(eight_cores, monkeypatch, capsys):
    assert job_cores(monkeypatch, busy=5.0) == [*HALVES, ()]
    assert capsys.readouterr().err == ""


def test_workers_move_where_other_programs_run(eight_cores, monkeypatch, capsys):
    assert job_cores(monkeypatch, busy=50.0) == [(), (), ()]
    assert "other programs use 4.0 of the 8; --pin pins them" in capsys.readouterr().err


def test_pinning_can_be_asked_for_and_forbidden(eight_cores, monkeypatch):
    assert job_cores(monkeypatch, busy=50.0, pin=True) == [*HALVES, ()]
    assert job_cores(monkeypatch, busy=5.0, pin=False) == [(), (), ()]


def test_cores_of_a_job_hold_for_servers_too(eight_cores, monkeypatch):
    assert job_cores(monkeypatch, busy=5.0, cores=(0, 1)) == [(0,), (1,), (0, 1)]


def start_and_wait(script, share, **environ):
    """Starts a Python script in a group; returns its status and what it printed."""
    output = io.StringIO()
    command = [sys.executable, "-S", "-c", textwrap.dedent(script)]
    with Group(output, colour=False, grace_seconds=1) as group:
        group.start("task", command, environ, share)
        _, status = group.wait()
    return status, output.getvalue()


SHOWN = """
    import json, os, threading
    def show():
        print(json.dumps([[*os.sched_getaffinity(0)], os.environ["OMP_NUM_THREADS"]]))
    thread = threading.Thread(target=show)
    thread.start()
    thread.join()
    """


def shown(printed):
    return json.loads(printed.removeprefix("task     | "))


def test_a_process_is_pinned_with_all_its_threads():
    before, core = os.sched_getaffinity(0), machine.usable()[-1]
    _, printed = start_and_wait(SHOWN, Share(cores=(core,)))
    assert shown(printed) == [[core], "1"]
    assert os.sched_getaffinity(0) == before


def test_variables_that_are_set_go_before_the_share():
    _, printed = start_and_wait(SHOWN, Share(cores=machine.usable()[:1]), OMP_NUM_THREADS="5")
    assert shown(printed)[1] == "5"


# A process that holds some memory, in another that it starts, until it is killed.
HUNGRY = """
    import os, time
    if os.fork():
        os.wait()
    held = bytearray({} << 20)
    time.sleep(30)
    """


def test_a_process_over_its_limit_is_killed_with_what_it_started(capsys):
    share = Share(machine.usable(), memory_bytes=100 << 20)
    status, _ = start_and_wait(HUNGRY.format(150), share)
    assert status == OVER_MEMORY
    said = capsys.readouterr().err
    assert "task used 1" in said
    assert "may use 100 MiB" in said


def test_pages_of_files_and_shared_pages_are_no_excess(tmp_path):
    script = f"""
        import mmap, os, time
        held = bytearray(b"1") * (70 << 20)  # shared with the child
        with open({str(tmp_path / "file")!r}, "w+b") as file:
            file.truncate(90 << 20)
            mapped = mmap.mmap(file.fileno(), 0)
            read = bytes(mapped[:1])
            for place in range(0, 90 << 20, 4096):
                mapped[place]
        if os.fork():
            os.wait()
        else:
            time.sleep(0.7)
        """
    share = Share(machine.usable(), memory_bytes=120 << 20)
    assert start_and_wait(script, share) == (0, "")
