"""The whole way: two workers train, one is killed, the launcher starts the job again."""

import importlib.util
import json

import pytest

from tests.launched_job import launch_job

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tftrain.distribute.keras_bridge.symbolic_build") is None,
    reason="fit under several workers is not repaired in this version",
)


def train(folder, mode):
    result = launch_job("crashing.py", folder, mode, grace=20, max_restarts=1)
    workers = [json.loads((folder / f"worker-{index}.json").read_text()) for index in (0, 1)]
    return result, workers


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    return {mode: train(tmp_path_factory.mktemp(mode), mode) for mode in ("whole", "crash")}


def test_the_job_was_killed_and_started_again(jobs):
    result, _ = jobs["crash"]
    assert result.status == 0
    assert "worker 1 failed with exit status 137" in result.output
    assert "starting the job again (1 of at most 1 times)" in result.output


def test_the_other_worker_named_the_dead_one(jobs):
    assert "PeerLost: worker 0 lost worker 1 at localhost:" in jobs["crash"][0].output


def test_training_went_on_in_the_epoch_of_the_crash(jobs):
    assert [worker["epochs"] for worker in jobs["crash"][1]] == [[1, 2], [1, 2]]


@pytest.mark.parametrize("what", ["updates", "loss", "weights"])
def test_the_result_is_that_of_a_job_without_a_crash(jobs, what):
    for crashed, whole in zip(jobs["crash"][1], jobs["whole"][1], strict=True):
        assert crashed[what] == whole[what]


def test_workers_agree_and_only_the_chief_wrote_a_backup(jobs):
    first, second = jobs["crash"][1]
    assert first["weights"] == second["weights"]
    assert "backup-1" not in first["folders"] + second["folders"]
