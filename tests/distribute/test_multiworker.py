"""Jobs of two real workers under MultiWorkerMirroredStrategy; one job serves many tests."""

import json
import os
import subprocess
import time

import pytest

from tests import warm_python
from tests.launched_job import JOBS, ROOT, launch_job
from tftrain.distribute import launcher


@pytest.fixture(scope="module")
def agreeing(tmp_path_factory):
    """The job in which all is well until worker 1 is killed at the end."""
    folder = tmp_path_factory.mktemp("agreeing")
    result = launch_job("agreeing.py", folder, grace=30)
    assert (folder / "worker-0.json").exists(), result.output
    workers = [json.loads((folder / f"worker-{index}.json").read_text()) for index in (0, 1)]
    return {"result": result, "workers": workers, "folder": folder}


def test_auto_makes_the_strategy_of_the_cluster(agreeing):
    for seen in agreeing["workers"]:
        assert (seen["strategy"], seen["replicas"]) == ("CollectiveAllReduceStrategy", 2)


def test_the_choice_is_said_in_one_line(agreeing):
    lines = agreeing["result"].lines_of("worker 1")
    assert lines[0].startswith("tftrain: strategy multiworker (TF_CONFIG has 2 workers), worker 1")


def test_preflight_reports_versions_and_shares_once(agreeing):
    lines = [line for line in agreeing["result"].output.splitlines() if "preflight" in line]
    assert len(lines) == 1
    assert "2 workers agree (TensorFlow " in lines[0]
    assert "64 examples, about 32 a worker; every worker reads all of them and" in lines[0]


def test_the_chief_writes_models_checkpoints_and_logs(agreeing):
    assert agreeing["workers"][0]["files"] == [
        "backup",
        "checkpoint.keras",
        "export",
        "function.keras",
        "log.csv",
        "logs",
        "model.keras",
        "model.weights.h5",
    ]


def test_other_workers_write_nothing(agreeing):
    assert agreeing["workers"][1]["files"] == []


def test_workers_publish_one_export_together(agreeing):
    served = agreeing["folder"] / "served"
    assert [path.name for path in served.iterdir() if path.is_dir()] == ["1"]
    assert (served / "1" / "saved_model.pb").exists()


def test_every_worker_gets_the_chiefs_backup(agreeing):
    for seen in agreeing["workers"]:
        assert (seen["kernel"], seen["iterations"]) == (10.0, 77)
        assert (seen["initial_epoch"], seen["next_batch"]) == (2, 5)


def test_canary_keras_lets_every_worker_write(agreeing):
    assert [seen["unrepaired"] for seen in agreeing["workers"]] == [[True, True]] * 2


def test_a_worker_killed_in_mid_training_is_named_by_the_others(agreeing):
    lost = json.loads((agreeing["folder"] / "lost.json").read_text())
    assert list(lost["lost"]) == ["worker 1"]
    assert "worker 0 lost worker 1 at localhost:" in lost["text"]


def test_a_killed_worker_fails_the_job(agreeing):
    assert agreeing["result"].status == 137
    assert "worker 1 failed with exit status 137" in agreeing["result"].output


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("variable", "'kernel' float32[3, 16] in worker 1, 'kernel' float32[3, 4] in worker 0"),
        ("optimizer", "worker 1 differs from worker 0 in optimizer:"),
    ],
)
def test_workers_that_differ_all_stop_with_the_same_message(how, said):
    result = launch_job("differing.py", how, limit=90, grace=20)
    assert result.status == 1
    assert "not stopped" not in result.output
    for task in ("worker 0", "worker 1"):
        messages = [line for line in result.lines_of(task) if "errors.PreflightError:" in line]
        assert len(messages) == 1
        assert said in messages[0]


def test_a_worker_that_never_starts_is_named_within_the_limit():
    cluster = launcher.local_clusters(2)[0]
    started = time.monotonic()
    done = subprocess.run(
        warm_python.command(JOBS / "differing.py", "not at all"),
        capture_output=True,
        text=True,
        timeout=90,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TF_CONFIG": json.dumps(cluster.tf_config()),
            "TFTRAIN_TEST_START_TIMEOUT": "2",
        },
        check=False,
    )
    assert done.returncode == 1
    missing = f"no answer within 2 s from worker 1 at {cluster.workers[1]}"
    assert f"PeerUnreachable: {missing}" in done.stderr
    assert time.monotonic() - started < 60
