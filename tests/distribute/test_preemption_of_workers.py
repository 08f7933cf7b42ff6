"""Two workers that train together, of which one or both are told to stop, at random moments."""

import json

import pytest

from tests.launched_job import launch_job
from tftrain.checkpoints import CheckpointFolder

ROUNDS = 6


@pytest.fixture(scope="module")
def stops(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stops")
    job = launch_job("preempted.py", folder, ROUNDS)
    assert job.status == 0, job.output
    return folder, [json.loads((folder / f"worker-{i}.json").read_text()) for i in (0, 1)]


def test_both_stop_after_the_same_step(stops):
    _, workers = stops
    assert len(workers[0]) == ROUNDS
    assert workers[0] == workers[1]


def test_every_stop_is_saved_and_gone_on_from(stops):
    folder, (stopped, _) = stops
    steps = [step for step, _, _ in stopped]
    assert steps == sorted(set(steps))
    assert CheckpointFolder(folder / "checkpoints").numbers()[-1] == steps[-1]


def test_the_worker_that_was_not_told_knows_the_signal(stops):
    _, (first, _) = stops
    assert {name for _, name, _ in first} == {"SIGTERM"}
