"""One job of two workers; each test asserts on what they found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cluster_processes import ClusterProcesses

JOB = Path(__file__).parent / "local_sgd_job.py"
LIMIT = 180  # seconds for a machine with much else to do


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("local-sgd") / "job"
    with ClusterProcesses(JOB, folder, worker=2) as cluster:
        status = cluster.attend(("worker", 0), LIMIT)
        assert status == 0, cluster.tail("worker", 0)
        assert cluster.statuses(30)["worker", 1] == 0
    return [json.loads((folder / f"result-{index}.json").read_text()) for index in (0, 1)]


@pytest.fixture
def job(workers):
    return workers[0]


def test_exchange_at_every_step_equals_synchronous_sgd(job):
    assert job["every_step"]["difference"] < 1e-5


def test_worker_without_rows_still_counts_the_step(workers):
    for worker in workers:
        assert worker["every_step"]["iterations"] == worker["every_step"]["expected_iterations"]


def test_history_equals_one_process(job):
    found = job["every_step"]
    for name, values in found["expected_history"].items():
        assert found["history"][name] == pytest.approx(values, abs=1e-5)


def test_evaluate_counts_every_example_once(job):
    found = job["every_step"]
    assert found["evaluate"] == pytest.approx(found["expected_evaluate"], abs=1e-5)


def test_predict_returns_every_row_in_order_on_every_worker(workers):
    assert all(worker["every_step"]["predict_difference"] < 1e-5 for worker in workers)


def test_workers_differ_between_exchanges_and_agree_after_each(job):
    epoch = job["now_and_then"]["apart"][:13]
    agreed = [step for step, apart in enumerate(epoch, start=1) if apart < 1e-6]
    assert agreed == [4, 8, 12]


def test_workers_agree_at_the_end(job):
    assert job["now_and_then"]["end"] < 1e-6


def test_history_is_the_same_on_every_worker(workers):
    first, second = (worker["now_and_then"]["history"] for worker in workers)
    assert first == second
    assert first["loss"][-1] < first["loss"][0]


def test_a_checkpoint_counts_every_example_once(job):
    _, examples, _, of_accuracy = job["now_and_then"]["saved_metrics"]
    assert examples == of_accuracy == 193


def test_every_row_is_used_once_an_epoch(job):
    assert job["uses_of_rows"] == [2.0, 2.0]


@pytest.mark.parametrize(
    ("setting", "word"), [("sync_every", "sync_every=0"), ("executions", "steps_per_execution=2")]
)
def test_settings_that_cannot_work_are_refused(job, setting, word):
    assert word in job["refusals"][setting]


def test_all_may_be_called_within_the_scope(workers):
    assert [worker["within_the_scope"] for worker in workers] == [193, 193]
