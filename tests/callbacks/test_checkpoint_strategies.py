"""A training that is cut off goes on under each strategy as if it had not been."""

import json
from pathlib import Path

import pytest

from tests.launched_job import launch, run

JOB = str(Path(__file__).parent / "jobs" / "checkpoints.py")


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mirrored")
    result = run([JOB, "mirrored", str(folder)])
    assert result.status == 0, result.output
    return json.loads((folder / "worker-0.json").read_text())


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workers")
    result = launch([JOB, "multiworker", str(folder)])
    assert result.status == 0, result.output
    return [json.loads((folder / f"worker-{index}.json").read_text()) for index in (0, 1)]


def test_two_devices(mirrored):
    assert mirrored["codec"]["variables"] == 0
    assert mirrored["codec"]["history"] <= 1e-6  # sums of metrics are divided among replicas


@pytest.mark.parametrize("case", ["adam", "codec"])
def test_two_workers(workers, case):
    for worker in workers:
        assert worker[case]["variables"] <= 1e-6
        assert worker[case]["history"] <= 1e-6
        assert worker[case]["epochs"] == [0, 1, 2]


def test_only_the_chief_writes(workers):
    chief, other = workers
    assert chief["adam"]["files"]
    assert not other["adam"]["files"]


def test_parameter_servers_use_each_row_once_an_epoch(tmp_path):
    result = launch([JOB, "ps", str(tmp_path)], ps=1)
    assert result.status == 0, result.output
    found = json.loads((tmp_path / "chief-0.json").read_text())["rows"]
    assert found == {"uses": [3.0], "steps": 18, "epochs": [0, 1, 2]}
