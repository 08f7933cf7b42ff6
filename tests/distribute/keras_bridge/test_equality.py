"""Any number of replicas learns, reports and predicts what one process does."""

import re

import numpy as np
import pytest
from jobs import HERE, Job, run

SOURCE = (HERE / "equality_cases.py").read_text()
CASES = re.findall(r"^@case\ndef (\w+)", SOURCE, re.MULTILINE)
SLOW_CASES = re.findall(r"^@slow_case\ndef (\w+)", SOURCE, re.MULTILINE)
ALONE = ["convolution", "gradient_accumulation", "evaluation"]
LOOSE = {"float16_with_loss_scaling": 2e-3}


class Runs:
    """The same cases in one process, on three replicas of one, on two workers, and on one alone."""

    def __init__(self, names, folder, seconds):
        self._folder, self._results = folder, {}
        run(
            Job("run_cases.py", [folder / "one.npz", "one", *names], folder),
            Job("run_cases.py", [folder / "mirrored.npz", "mirrored", *names], folder),
            Job("run_cases.py", [folder / "workerINDEX.npz", "workers", *names], folder, workers=2),
            Job("run_cases.py", [folder / "alone.npz", "workers", *ALONE], folder, workers=1),
            seconds=seconds,
        )

    def of(self, who, case):
        if who not in self._results:
            self._results[who] = dict(np.load(self._folder / f"{who}.npz"))
        found = self._results[who].items()
        return {key: value for key, value in found if key.startswith(f"{case}/")}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return Runs(CASES, tmp_path_factory.mktemp("equality"), seconds=600)


@pytest.fixture(scope="module")
def slow_runs(tmp_path_factory):
    return Runs(SLOW_CASES, tmp_path_factory.mktemp("slow_equality"), seconds=900)


def assert_equal(runs, who, case, kind, tolerance):
    expected = {k: v for k, v in runs.of("one", case).items() if f"/{kind}/" in k}
    actual = {k: v for k, v in runs.of(who, case).items() if f"/{kind}/" in k}
    assert expected.keys() == actual.keys()
    tolerance = LOOSE.get(case, tolerance)
    for key in expected:
        np.testing.assert_allclose(actual[key], expected[key], tolerance, tolerance, err_msg=key)


REPLICAS = pytest.mark.parametrize("who", ["mirrored", "worker0", "worker1"])


@REPLICAS
@pytest.mark.parametrize("case", CASES)
def test_replicas_equal_one_process(runs, case, who):
    assert_equal(runs, who, case, "weights", 1e-5)
    assert_equal(runs, who, case, "history", 1e-6)
    assert_equal(runs, who, case, "predictions", 1e-5)


@pytest.mark.parametrize("case", ALONE)
def test_a_worker_alone_equals_one_process(runs, case):
    assert_equal(runs, "alone", case, "weights", 1e-6)
    assert_equal(runs, "alone", case, "history", 1e-6)
    assert_equal(runs, "alone", case, "predictions", 1e-6)


@pytest.mark.slow
@REPLICAS
@pytest.mark.parametrize("case", SLOW_CASES)
def test_replicas_equal_one_process_in_rarer_cases(slow_runs, case, who):
    assert_equal(slow_runs, who, case, "weights", 1e-5)
    assert_equal(slow_runs, who, case, "history", 1e-6)
    assert_equal(slow_runs, who, case, "predictions", 1e-5)


def test_evaluate_counts_every_row_once(runs):
    for who in ("mirrored", "worker0", "worker1"):
        assert runs.of(who, "evaluation")["evaluation/history/rows"] == [97]


def test_predict_gives_every_row_on_every_worker(runs):
    for who in ("mirrored", "worker0", "worker1"):
        predictions = runs.of(who, "convolution")["convolution/predictions/0"]
        assert len(predictions) == 97


def test_training_moved_the_weights(runs):
    history = runs.of("worker0", "convolution")["convolution/history/loss"]
    assert history[-1] < 0.9 * history[0]
