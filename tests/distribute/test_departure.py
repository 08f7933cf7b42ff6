"""Workers that are done before the chief has written."""

import re

from tests.launched_job import launch_job


def waited(job, worker):
    return float(re.search(rf"worker {worker} waited ([\d.]+) s", job.output)[1])


def test_a_worker_stays_until_the_chief_has_written(tmp_path):
    job = launch_job("departing.py", tmp_path, "stay")
    assert job.status == 0, job.output
    assert "crashed" not in job.output
    assert waited(job, 1) > 2
    assert waited(job, 0) < 1


def test_canary_tensorflow_calls_a_worker_that_left_crashed(tmp_path):
    job = launch_job("departing.py", tmp_path, "leave")
    assert "The tasks have crashed" in job.output


def test_a_worker_does_not_wait_for_a_chief_that_is_gone(tmp_path):
    job = launch_job("departing.py", tmp_path, "die", grace=20)
    assert "worker 0 failed with exit status 3" in job.output
    assert waited(job, 1) < 20
