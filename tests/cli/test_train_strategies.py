"""tftrain train under every strategy of one machine, in real processes.

The model has no dropout, so that all replicas together must learn what one process learns.
"""

import json
import re
import shutil

import pytest

from tests.cli.trainings import QUICK
from tests.event_files import IS_TENSORBOARD_INSTALLED, scalars
from tests.launched_job import launch, launch_job, run
from tftrain import data
from tftrain.cli.main import main

SETTINGS = [*QUICK, "--model=linear", "--learning_rate=0.05", "--batch_size=100"]
SETTINGS += ["--tensorboard"] * IS_TENSORBOARD_INSTALLED
TRAIN = ["-m", "tftrain", *SETTINGS]
LIMIT = 240  # seconds for a machine with much else to do
FILES = ["checkpoints", "config.json", "metrics.jsonl", "model.keras", "report.html",
         "result.json", "saved_model", *["tensorboard"] * IS_TENSORBOARD_INSTALLED]  # fmt: skip
SERVED = ["1", "batching.config", "docker-compose.yml", "models.config", "monitoring.config"]
# what differs between one process and several replicas
APART = ("seconds", "resources", "gradient_bytes")


def history(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {name: [line[name] for line in lines] for name in lines[0] if name not in APART}


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def result(folder):
    return json.loads((folder / "result.json").read_text())


def assert_same(folder, expected):
    found, wanted = history(folder), history(expected)
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        assert found[name] == pytest.approx(values, abs=1e-5), name
    for name in ("test_accuracy", "test_loss"):
        assert result(folder)[name] == pytest.approx(result(expected)[name], abs=1e-5)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The run of one process."""
    out = tmp_path_factory.mktemp("alone") / "run"
    assert main([*SETTINGS, "--epochs=3", f"--out={out}"]) == 0
    return out


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    """A job of two workers to which nothing happens: from records, augmented."""
    folder, out = tmp_path_factory.mktemp("set"), tmp_path_factory.mktemp("workers") / "run"
    data.records.write("digits", folder / "set", shards=3)
    settings = [*SETTINGS, f"--dataset=records:{folder}/set", "--epochs=2", "--augment=rotate"]
    verified = [flag for flag in settings if flag not in QUICK[1:]]
    job = launch(["-m", "tftrain", *verified, f"--out={out}"], limit=LIMIT)
    assert job.status == 0, job.output
    return out, job, settings


def test_two_workers_learn_from_records_what_one_process_learns(two_workers, tmp_path):
    out, _, settings = two_workers
    assert main([*settings, f"--out={tmp_path}/one"]) == 0
    assert_same(out, tmp_path / "one")


def test_only_the_chief_writes(two_workers):
    out = two_workers[0]
    assert files(out) == FILES
    assert files(out / "saved_model") == SERVED
    assert files(out.parent) == ["run"]
    if IS_TENSORBOARD_INSTALLED:
        assert len(files(out / "tensorboard" / "train")) == 2  # Keras's, and the resources'


@pytest.fixture(scope="module")
def ended_twice(tmp_path_factory):
    """A job of which worker 1 is first told to stop, and then killed in the next start."""
    out = tmp_path_factory.mktemp("ended") / "run"
    flags = [out, "worker 1:SIGTERM,SIGKILL", *SETTINGS[1:], "--epochs=3"]
    flags += ["--checkpoint_every_steps=3"]
    job = launch_job("killed_training.py", *flags, limit=LIMIT, grace=20, max_restarts=2)
    assert job.status == 0, job.output
    return out, job


def test_a_job_that_is_started_again_goes_on_with_its_run(ended_twice, alone):
    out, job = ended_twice
    assert "worker 1 failed with exit status 137" in job.output
    assert re.search(r"restart 2: going on with .*run after [012] epochs", job.output)
    assert_same(out, alone)


def test_workers_that_are_preempted_stop_together(ended_twice):
    _, job = ended_twice
    assert re.search(r"worker [01] was preempted with exit status 143", job.output)
    told = set(re.findall(r"preempted by SIGTERM; .* up to step (\d+);", job.output))
    assert len(told) == 1
    assert job.output.count("preempted by SIGTERM") == 2


def test_a_run_of_another_job_is_not_gone_on_with(alone):
    command = ["-m", "tftrain", "train", f"--out={alone}"]
    job = launch(command, workers=1, max_restarts=1, limit=LIMIT)
    assert job.status == 2
    assert job.output.count("run exists; give another --out") == 2


def test_only_the_chief_prints_the_summary(two_workers):
    summaries = [line for line in two_workers[1].output.splitlines() if "test accuracy" in line]
    assert [line[:8] for line in summaries] == ["worker 0"]


def test_nobody_sees_warnings_of_tensorflow(two_workers):
    assert "WARNING" not in two_workers[1].output


def test_two_devices_learn_what_one_learns(tmp_path, alone):
    command = [*TRAIN, "--strategy=mirrored", "--devices=2", "--epochs=3"]
    done = run([*command, f"--out={tmp_path}/run"], limit=LIMIT)
    assert done.status == 0, done.output
    assert_same(tmp_path / "run", alone)


def test_what_began_on_a_mesh_goes_on_elsewhere_as_if_it_had_been_there(tmp_path, alone):
    out = f"--out={tmp_path}/run"
    mesh = ["--strategy=model_parallel", "--mesh=batch=1,model=2", "--layout=mlp"]
    begun = run([*TRAIN, *mesh, "--epochs=1", out], limit=LIMIT)
    assert begun.status == 0, begun.output
    assert "of the 7,800 that are cut, 50.0%" in begun.output
    resume = [*TRAIN[:2], *QUICK, "--resume", "--force_resume", out]
    gone_on = run([*resume, "--strategy=one", "--epochs=3"], limit=LIMIT)
    assert gone_on.status == 0, gone_on.output
    assert_same(tmp_path / "run", alone)


def test_two_workers_fine_tune_as_one_process_does(tmp_path):
    source = tmp_path / "source"
    assert main([*QUICK, "--dropout=0", "--epochs=1", f"--out={source}"]) == 0
    thawed = ["finetune", str(source), "--keep_head", "--epochs=2", "--freeze=-1", "--unfreeze=1:*"]
    flags = [*thawed, *QUICK[1:], "--layer_decay=0.5"]
    assert main([*flags, f"--out={tmp_path}/one"]) == 0
    job = launch(["-m", "tftrain", *flags, f"--out={tmp_path}/two"], limit=LIMIT)
    assert job.status == 0, job.output
    assert_same(tmp_path / "two", tmp_path / "one")


def assert_learned(out, alone):
    assert min(history(out)["gradient_norm_mean"]) > 0
    if IS_TENSORBOARD_INSTALLED:
        losses = scalars(out / "tensorboard" / "train")["epoch_loss"]
        assert losses == pytest.approx(dict(enumerate(history(out)["loss"])))
    assert files(out) == [name for name in FILES if name != "report.html"]
    assert len(history(out)["loss"]) == 3
    assert result(out)["test_accuracy"] > result(alone)["test_accuracy"] - 0.1


def test_local_sgd_learns_as_well(tmp_path, alone):
    out = tmp_path / "run"
    job = launch([*TRAIN, "--epochs=3", f"--out={out}", "--sync_every=4"], limit=LIMIT)
    assert job.status == 0, job.output
    assert_learned(out, alone)
    assert "WARNING" not in job.output


def test_a_job_with_servers_that_is_stopped_loses_no_update(tmp_path, alone):
    out = tmp_path / "run"
    flags = [out, "chief 0:SIGTERM", *SETTINGS[1:], "--epochs=3", "--checkpoint_every_steps=3"]
    job = launch_job(
        "killed_training.py", *flags, workers=1, ps=1, limit=LIMIT, max_restarts=1
    )  # fmt: skip
    assert job.status == 0, job.output
    assert "chief 0 was preempted with exit status 143" in job.output
    assert_learned(out, alone)
    assert (out / "checkpoints" / f"step-{3 * 13:09d}").is_dir()


def test_compressed_training_counts_its_bytes(tmp_path):
    command = ["-m", "tftrain", *QUICK, "--strategy=mirrored", "--devices=2"]
    command += ["--gradient_codec=powersgd:4", "--gradient_codec_warmup=3", "--batch_size=100"]
    done = run([*command, "--epochs=2", f"--out={tmp_path}/run"], limit=LIMIT)
    assert done.status == 0, done.output
    lines = (tmp_path / "run/metrics.jsonl").read_text().splitlines()
    first, second = (json.loads(line) for line in lines)
    assert second["gradient_bytes"] < first["gradient_bytes"]
    assert second["loss"] < first["loss"]


def test_a_model_that_the_strategy_refuses_leaves_the_run_that_was_there(tmp_path, alone):
    out = tmp_path / "run"
    shutil.copytree(alone, out)
    command = [*TRAIN, "--strategy=model_parallel", "--mesh=model=3", "--layout=mlp"]
    done = run([*command, f"--out={out}", "--overwrite"], limit=LIMIT)
    assert done.status == 2, done.output
    assert "cuts no variable" in done.output
    assert files(tmp_path) == ["run"]
    assert result(out) == result(alone)
