"""What is fed to replicas, what is refused, and what stays equal on them."""

import json

import pytest
from jobs import Job, run

ROWS = list(range(21))


@pytest.fixture(scope="module")
def observed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("behaviour")
    run(
        Job("behaviour_job.py", [folder / "mirrored.json", "mirrored"], folder),
        Job("behaviour_job.py", [folder / "workerINDEX.json", "workers"], folder, workers=2),
        seconds=500,
    )
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}


EVERYWHERE = pytest.mark.parametrize("who", ["mirrored", "worker0", "worker1"])


def test_devices_get_every_shuffled_row_once(observed):
    for rows in observed["mirrored"]["rows"]:
        assert rows[-1] == rows[-2]  # the last batch is one row, held twice and counted once
        assert sorted(rows[:-1]) == ROWS


def test_workers_get_every_shuffled_row_once_without_a_seed(observed):
    for first, second in zip(observed["worker0"]["rows"], observed["worker1"]["rows"], strict=True):
        assert first[-1] == second[-1]  # the last batch is one row, held twice and counted once
        assert sorted(first + second[:-1]) == ROWS


@EVERYWHERE
def test_epochs_are_shuffled_differently(observed, who):
    first, second, third = observed[who]["rows"]
    assert first != second != third


@EVERYWHERE
def test_jit_compile_is_refused_and_auto_is_off(observed, who):
    assert "leave jit_compile at 'auto'" in observed[who]["jit"]
    assert observed[who]["auto jit"] is False


@EVERYWHERE
def test_sharding_by_file_is_refused(observed, who):
    assert observed[who]["file policy"].startswith("StrategyError")
    assert "AUTO or DATA" in observed[who]["file policy"]


def test_a_model_built_outside_the_scope_is_refused(observed):
    assert "was made outside the scope" in observed["mirrored"]["outside"]


def test_statistics_of_batch_normalization_stay_equal(observed):
    means = [mean for each in observed.values() for mean in each["normalized"]]
    assert means == pytest.approx([0.035] * 4, rel=1e-5)


@EVERYWHERE
def test_installing_twice_changes_nothing(observed, who):
    assert observed[who]["installed once"]


@pytest.mark.parametrize("who", ["worker0", "worker1"])
def test_a_dataset_shuffled_without_a_seed_is_refused(observed, who):
    assert "without a seed" in observed[who]["unseeded"]
