"""Compression while a model trains on several devices, or on several machines."""

from pathlib import Path

import numpy as np
import pytest

from tests.launched_job import launch, run

JOB = str(Path(__file__).parent / "jobs" / "each_stage.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("stages")


def read(folder, name, result):
    path = folder / f"{name}.npz"
    assert path.exists(), result.output
    return dict(np.load(path))


@pytest.fixture(scope="module")
def one(folder):
    return read(folder, "one-0", run([JOB, str(folder), "one"], limit=240))


@pytest.fixture(scope="module")
def mirrored(folder):
    return read(folder, "mirrored-0", run([JOB, str(folder), "mirrored"], limit=240))


@pytest.fixture(scope="module")
def workers(folder):
    result = launch([JOB, str(folder), "multiworker"], grace=30, limit=240)
    return [read(folder, f"multiworker-{index}", result) for index in (0, 1)]


@pytest.fixture(params=["mirrored", "worker 0", "worker 1"])
def seen(request):
    if request.param == "mirrored":
        return request.getfixturevalue("mirrored")
    return request.getfixturevalue("workers")[int(request.param[-1])]


def kernels(seen, stage):
    return seen[f"{stage}-0"], seen[f"{stage}-2"]


def test_there_are_two_replicas(seen):
    assert seen["replicas"] == 2


def test_weights_are_finite(seen):
    assert all(np.all(np.isfinite(value)) for value in seen.values())


@pytest.mark.parametrize("stage", ["pruned", "clustered", "quantized"])
def test_the_share_of_zeros(seen, stage):
    for kernel in kernels(seen, stage):
        share = np.mean(kernel == 0)
        assert share == pytest.approx(0.5, abs=0.02) or stage != "pruned"
        assert share >= 0.48


@pytest.mark.parametrize("stage", ["clustered", "quantized"])
def test_the_number_of_values(seen, stage):
    for kernel in kernels(seen, stage):
        assert 2 < len(np.unique(kernel)) <= 8


def test_zeros_stay_where_they_were(seen):
    for pruned, clustered, quantized in zip(
        *(kernels(seen, stage) for stage in ("pruned", "clustered", "quantized")), strict=True
    ):
        assert np.all(clustered[pruned == 0] == 0)
        assert np.all(quantized[pruned == 0] == 0)


def test_workers_have_the_same_weights(workers):
    first, second = workers
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)


def test_accuracies(seen):
    for stage in ("pruned", "clustered", "quantized", "lite"):
        assert seen[f"{stage}-accuracy"] > 0.9


def test_pruning_gives_the_weights_of_one_device(mirrored, one):
    """The same but for the order of sums."""
    assert mirrored["pruned-accuracy"] == pytest.approx(one["pruned-accuracy"], abs=0.002)
    for number in range(4):
        name = f"pruned-{number}"
        np.testing.assert_allclose(mirrored[name], one[name], atol=1e-4, err_msg=name)
