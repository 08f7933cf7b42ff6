"""One job of a coordinator, two workers and two servers; each test asserts on what it found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cluster_processes import ClusterProcesses

from tftrain.distribute import parameter_server
from tftrain.errors import ConfigError

JOB = Path(__file__).parent / "parameter_server_job.py"
LIMIT = 400  # seconds for a machine with much else to do


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    parent = tmp_path_factory.mktemp("ps")
    folder = parent / "job"
    with ClusterProcesses(JOB, folder, chief=1, worker=2, ps=2) as cluster:
        status = cluster.attend(("chief", 0), LIMIT)
        assert status == 0, cluster.tail("chief", 0)
        found = json.loads((folder / "result.json").read_text())
        found["folder"] = parent
        found["statuses"] = cluster.statuses(30)
    return found


@pytest.fixture(scope="module")
def resumed(job):
    """A second job, which finds the first one's checkpoint."""
    folder = job["folder"] / "again"
    environment = {"TFTRAIN_TEST_CHECK": "resumes"}
    with ClusterProcesses(JOB, folder, environment, chief=1, worker=1, ps=1) as cluster:
        assert cluster.attend(("chief", 0), LIMIT) == 0, cluster.tail("chief", 0)
    return json.loads((folder / "result.json").read_text())["resumed"]


def test_unrepaired_keras_cannot_fit_under_parameter_servers(job):
    assert "ClusterCoordinator" in job["canary"]


def test_servers_hold_equal_bytes(job):
    assert job["placement"][0] == job["placement"][1]


def test_fit_learns_and_reports_every_epoch(job):
    history = job["trains"]["history"]
    assert job["trains"]["epochs"] == [1, 2, 3]
    assert sorted(history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert history["val_loss"][2] < history["val_loss"][0] - 0.1


def test_step_counter_counts_every_update(job):
    assert job["trains"]["iterations"] == 3 * 21


def test_learning_rate_schedule_follows_the_updates(job):
    assert job["trains"]["rate"] == pytest.approx(job["trains"]["expected_rate"], rel=1e-6)


def test_callbacks_get_a_number_at_every_batch(job):
    losses = job["trains"]["batch_losses"]
    assert len(losses) == 3 * 21
    assert all(isinstance(loss, float) for loss in losses)


def test_evaluate_equals_one_process(job):
    assert job["measures"]["there"] == pytest.approx(job["measures"]["here"], abs=1e-6)


def test_metric_that_assigns_its_state_loses_nothing(job):
    assert job["measures"]["auc_there"] == pytest.approx(job["measures"]["auc_here"], abs=1e-6)


def test_predict_returns_every_row_in_order(job):
    assert job["measures"]["predict_rows"] == 650
    assert job["measures"]["predict_error"] < 1e-6


@pytest.mark.parametrize("source", ["arrays", "dataset", "dataset_in_steps", "steps_per_execution"])
def test_every_row_is_used_once_an_epoch(job, source):
    assert job["counts"][source] == [3.0, 3.0]


def test_every_row_of_a_generator_is_used_once(job):
    assert job["counts"]["generator"] == [1.0, 1.0]


def test_each_update_is_clipped(job):
    assert job["updates"]["clipped_norm"] == pytest.approx(0.01, rel=1e-4)


def test_each_update_decays_weights(job):
    assert job["updates"]["decayed"] == pytest.approx((1 - 0.5 * 0.1) ** 3, rel=1e-5)


def test_custom_train_step_and_metric(job):
    assert job["custom"]["rows"] == [650.0, 650.0]
    assert job["custom"]["answer"] == [42.0, 42.0]


def test_mixed_precision_with_loss_scaling_learns(job):
    assert job["mixed_precision"]["optimizer"] == "LossScaleOptimizer"
    assert job["mixed_precision"]["loss"][1] < job["mixed_precision"]["loss"][0]


def test_several_inputs_and_outputs(job):
    assert job["several_inputs"] < 1e-6


def test_sparse_gradients_and_a_model_built_in_fit(job):
    assert job["embeddings"]["loss"][-1] < job["embeddings"]["loss"][0]


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ("accumulation", "gradient_accumulation_steps"),
        ("codec", "gradient codecs under parameter servers"),
        ("eager", "run_eagerly"),
        ("jit", "jit_compile"),
    ],
)
def test_what_cannot_be_right_is_refused(job, setting, word):
    assert word in job["refusals"][setting]


def test_error_in_a_step_is_raised_and_the_next_fit_works(job):
    assert "outside the valid range" in job["recovers_from_a_bad_batch"]["message"]
    assert job["recovers_from_a_bad_batch"]["loss"] > 0


def test_fit_goes_on_without_a_killed_worker_and_measures_each_row_once(job):
    assert job["worker_killed"]["rows"] == [650.0] * 3


def test_restarted_worker_takes_over_when_the_other_is_killed(job):
    assert job["worker_back"]
    assert job["other_worker_killed"]["rows"] == [650.0] * 3


def test_killed_server_ends_fit_naming_it_within_the_limit(job):
    assert "/job:ps/task:0 (127.0.0.1:" in job["server_killed"]["message"]
    assert "callbacks.Checkpoint" in job["server_killed"]["message"]
    assert job["server_killed"]["seconds"] < 20


def test_job_started_again_resumes_from_the_last_checkpoint(resumed):
    assert resumed["epochs"] == [3, 4]
    assert resumed["iterations"] == 5 * 21


def test_surviving_servers_and_workers_end_cleanly_with_the_coordinator(job):
    assert job["statuses"] == {
        ("chief", 0): 0,
        ("worker", 0): -9,
        ("worker", 1): 0,
        ("ps", 0): -9,
        ("ps", 1): 0,
    }


def test_cluster_problems_are_all_reported_at_once():
    config = {"cluster": {"worker": ["a:1"]}, "task": {"type": "evaluator", "index": 0}}
    with pytest.raises(ConfigError) as caught:
        parameter_server.strategy(config)
    assert len(caught.value.problems) == 3
    assert "'evaluator'" in str(caught.value)
