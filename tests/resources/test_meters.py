"""Meters of this very machine, and of GPUs that are not there."""

import subprocess
import sys
import time
import types

import numpy as np
import pytest

from tftrain.resources import ControlGroups, Disk, Gpus, Memory, Processor, Sampler, gpus

BUSY = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"


@pytest.fixture
def processor():
    meter = Processor(ControlGroups())
    meter.begin()
    return meter


def test_work_of_the_process_counts(processor):
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    assert processor.figures(1.0)["cpu_share"] * processor.cores >= 0.1


def test_sleep_does_not(processor):
    time.sleep(0.1)
    assert processor.figures(0.1)["cpu_share"] * processor.cores < 0.5


def test_work_of_children_that_ended_counts(processor):
    subprocess.run([sys.executable, "-c", BUSY], check=True)
    assert processor.figures(1.0)["cpu_share"] * processor.cores >= 0.3


def test_work_of_children_that_run_counts(processor):
    with subprocess.Popen([sys.executable, "-c", BUSY + "\ninput()"], stdin=subprocess.PIPE) as job:
        deadline = time.monotonic() + 20
        while processor.figures(1.0)["cpu_share"] * processor.cores < 0.3:
            processor.sample()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        job.stdin.close()


def test_the_machine_is_at_least_as_busy_as_its_processes(processor):
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    assert 0 < processor.figures(1.0)["machine_cpu_share"] <= 1


def test_a_peak_that_is_sampled_stays_for_the_epoch():
    memory = Memory(ControlGroups())
    memory.begin()
    before = memory.figures(1.0)["memory_bytes"]
    held = np.ones(30_000_000)  # 240 MB
    memory.sample()
    del held
    after = memory.figures(1.0)
    assert after["memory_peak_bytes"] > before + 200e6
    assert after["memory_bytes"] < after["memory_peak_bytes"] - 100e6
    memory.begin()
    assert memory.figures(1.0)["memory_peak_bytes"] < after["memory_peak_bytes"]


def test_the_disk_of_a_folder_to_come(tmp_path):
    disk = Disk(tmp_path / "not" / "yet")
    disk.begin()
    figures = disk.figures(2.0)
    assert 0 <= figures["disk_free_bytes"] <= figures["disk_bytes"]


def test_what_is_written_is_told_by_the_second(tmp_path, monkeypatch):
    disk = Disk(tmp_path)
    ticks = iter([(100, 1000), (300, 5000)])
    counters = lambda: types.SimpleNamespace(  # noqa: E731
        **dict(zip(("read_bytes", "write_bytes"), next(ticks), strict=True))
    )
    monkeypatch.setattr(disk, "_process", types.SimpleNamespace(io_counters=counters))
    disk.begin()
    figures = disk.figures(2.0)
    assert figures["disk_read_bytes_per_second"] == 100
    assert figures["disk_written_bytes_per_second"] == 2000


def test_a_system_that_does_not_count_traffic_is_believed(tmp_path, monkeypatch):
    disk = Disk(tmp_path)
    monkeypatch.setattr(disk, "_process", object())
    disk.begin()
    assert "disk_read_bytes_per_second" not in disk.figures(1.0)


def test_no_gpu_no_figures(monkeypatch):
    monkeypatch.setattr(gpus, "_logical_gpus", list)
    meter = Gpus()
    meter.begin()
    assert meter.figures(1.0) == {}


@pytest.fixture
def two_gpus(monkeypatch):
    """Two GPUs, and a driver that knows four."""
    named = [types.SimpleNamespace(name=f"/device:GPU:{index}") for index in (0, 1)]
    monkeypatch.setattr(gpus, "_logical_gpus", lambda: named)
    in_use = {"GPU:0": [10, 70, 20], "GPU:1": [1, 2, 3]}
    monkeypatch.setattr(gpus, "_bytes_in_use", lambda name: in_use[name].pop(0))
    busy = {0: 0, 1: 0, 2: 50, 3: 100, "GPU-x": 25}
    driver = types.SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 4,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetHandleByUUID=lambda name: name,
        nvmlDeviceGetUtilizationRates=lambda handle: types.SimpleNamespace(gpu=busy[handle]),
    )
    monkeypatch.setitem(sys.modules, "pynvml", driver)


@pytest.mark.parametrize(
    ("visible", "share"), [(None, 0.375), ("2,3", 0.75), ("GPU-x", 0.25), ("1", 0.0)]
)
def test_gpus_that_the_process_may_see(two_gpus, monkeypatch, visible, share):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    meter = Gpus()
    meter.begin()
    meter.sample()
    assert meter.figures(1.0) == {"gpu_memory_peak_bytes": 72, "gpu_share": share}


def test_without_the_drivers_package_there_is_memory_alone(two_gpus, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    meter = Gpus()
    meter.begin()
    meter.sample()
    assert meter.figures(1.0) == {"gpu_memory_peak_bytes": 72}


class Counting:
    samples = 0

    def sample(self):
        self.samples += 1
        end = time.thread_time() + 0.003
        while time.thread_time() < end:
            pass


def test_a_sampler_looks_less_often_where_looking_takes_long():
    meter = Counting()
    sampler = Sampler([meter], every_secs=0.01)
    sampler.start()
    time.sleep(0.5)
    sampler.stop()
    assert meter.samples == 1  # 3 ms of work, then a second's pause


def test_a_sampler_stops_and_starts_again():
    meter = Counting()
    sampler = Sampler([meter], every_secs=0.01)
    for expected in (1, 2):
        sampler.start()
        deadline = time.monotonic() + 10
        while meter.samples < expected:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        sampler.stop()
