"""The recipes that need more than one device, as real jobs, a few steps on the digits."""

import json
import re

import pytest

from tests import launched_job
from tests.launched_job import ROOT
from tftrain.keras_api import keras

LIMIT = 150


def run(name, folder, *arguments, warm=True, **cluster):
    """Runs a recipe in `folder`, by `tftrain launch` where there is a cluster; its output."""
    command = [str(ROOT / f"recipes/{name}.py"), "--epochs=1", *arguments]
    options = {"cwd": folder, "limit": LIMIT, "CUDA_VISIBLE_DEVICES": "", **cluster}
    start = launched_job.launch if cluster else launched_job.run
    result = start(command, warm=warm, **options)
    return result.status, result.output


def ended(name, *arguments, **options):
    """A fixture: a recipe's exit status, its output, and the folder that it ran in."""

    @pytest.fixture(scope="module")
    def job(tmp_path_factory):
        folder = tmp_path_factory.mktemp(name)
        return (*run(name, folder, "--dataset=digits", *arguments, **options), folder)

    return job


alone = ended("multiworker_mnist")
# As users start it: processes of which none is a copy of another.
two_workers = ended("multiworker_mnist", workers=2, warm=False)
parameter_server = ended("parameter_server_mnist", workers=2, ps=1)
mirrored = ended("tpu_mnist", "--strategy=mirrored")
compressed = ended("compressed_gradients", "--devices=2")
mesh = ended("tensor_parallel")
staged = ended("pipeline_parallel")
JOBS = {
    "alone": "multiworker_mnist",
    "two_workers": "multiworker_mnist",
    "parameter_server": "parameter_server_mnist",
    "mirrored": "tpu_mnist",
    "compressed": "compressed_gradients",
    "mesh": "tensor_parallel",
    "staged": "pipeline_parallel",
}
PICTURES = {"staged": ["schedule.png"]}


@pytest.fixture(params=JOBS)
def job(request):
    return request.param, *request.getfixturevalue(request.param)


def results(output):
    """Test accuracy and loss, as often as they are printed."""
    pattern = r"test accuracy: (\d\.\d+), loss: (\d+\.\d+)"
    return [(float(accuracy), float(loss)) for accuracy, loss in re.findall(pattern, output)]


def test_it_ends_well_and_has_learned(job):
    _, status, output, _ = job
    assert status == 0, output[-4000:]
    assert all(accuracy > 0.2 for accuracy, _ in results(output))  # a guess is 0.1
    assert results(output)


def test_it_leaves_one_model_one_result_and_nothing_else(job):
    name, _, output, folder = job
    out = folder / "recipe-output" / JOBS[name]
    expected = ["model.keras", "result.json", *PICTURES.get(name, [])]
    assert sorted(path.name for path in out.iterdir()) == expected
    figures = json.loads((out / "result.json").read_text())
    accuracy, _ = results(output)[0]
    assert accuracy in [round(figure, 4) for figure in figures.values()]
    assert keras.models.load_model(out / "model.keras").output_shape == (None, 10)


def test_two_workers_become_what_one_process_becomes(alone, two_workers):
    (one,) = results(alone[1])
    first, second = results(two_workers[1])
    assert first == second
    assert first == pytest.approx(one, abs=1e-5)


def test_the_servers_job_made_every_update(parameter_server):
    assert "chief 0  | updates: 23\n" in parameter_server[1]  # 1438 digits, 64 at a time


def test_only_the_chief_of_a_servers_job_goes_on(parameter_server):
    assert len(results(parameter_server[1])) == 1


def test_a_mesh_becomes_what_one_device_becomes(mesh):
    on_mesh, one = results(mesh[1])
    assert on_mesh == pytest.approx(one, abs=1e-4)


def test_compressed_gradients_are_told_from_whole_ones(compressed):
    whole, small = results(compressed[1])
    assert whole != small
    share = float(re.search(r"powersgd:4 sent (\d+\.\d)% of the bytes", compressed[1])[1])
    assert 5 < share < 100  # most of this one epoch is warm-up


def test_stages_learn_what_one_device_learns(staged):
    in_stages, alone = results(staged[1])
    assert in_stages == pytest.approx(alone, abs=1e-4)


def test_tensorflows_reports_of_collectives_are_not_shown(two_workers):
    assert "Collective all_reduce" not in two_workers[1]


def test_without_a_tpu_it_ends_with_one_line_before_reading_data(tmp_path):
    status, output = run("tpu_mnist", tmp_path)
    assert status == 2
    assert output.splitlines()[-1].startswith("tpu_mnist.py: strategy 'tpu' found no usable TPU")
    assert not list(tmp_path.iterdir())


def test_without_a_cluster_servers_are_refused_with_the_remedy(tmp_path):
    status, output = run("parameter_server_mnist", tmp_path)
    assert status == 2
    assert "tftrain launch" in output.splitlines()[-1]


def test_missing_data_are_one_line(tmp_path):
    status, output = run("multiworker_mnist", tmp_path, f"--data_dir={tmp_path / 'nowhere'}")
    assert status == 2
    assert "the data folder" in output.splitlines()[-1]
