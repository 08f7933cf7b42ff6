"""Two replicas of one process learn, clip, measure and average what one does."""

from pathlib import Path

import numpy as np
import pytest

from tests.launched_job import arrays
from tftrain import optim

JOB = Path(__file__).with_name("replicas_job.py")
OTHERS = [
    "clipped by value", "clipped by norm", "clipped by global norm", "clipped adaptively",
    "clipped and accumulated", "clipped under float16", "clipped with an embedding", "measured",
    "constrained", "penalized", "decayed by a callback", "decayed by a schedule", "averaged",
]  # fmt: skip
LOOSE = {"clipped under float16": 2e-2}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return arrays(JOB, tmp_path_factory.mktemp("replicas"))


def of(results, kind, case):
    prefix = f"{kind}/{case}/"
    return {key.removeprefix(prefix): results[key] for key in results if key.startswith(prefix)}


@pytest.mark.parametrize("case", [*optim.names(), *OTHERS])
def test_two_replicas_equal_one(results, case):
    one, mirrored = of(results, "one", case), of(results, "mirrored", case)
    assert one.keys() == mirrored.keys() != set()
    for key, expected in one.items():
        tolerance = LOOSE.get(case, 5e-5)
        np.testing.assert_allclose(mirrored[key], expected, tolerance, tolerance, err_msg=key)


def test_a_schedule_in_the_optimizer_equals_the_callback(results):
    schedule, callback = (
        of(results, "mirrored", f"decayed by a {kind}") for kind in ("schedule", "callback")
    )
    for key, expected in schedule.items():
        np.testing.assert_allclose(callback[key], expected, 1e-5, 1e-6, err_msg=key)


def test_weights_stay_within_their_range(results):
    kernel = of(results, "mirrored", "constrained")["weights/0"]
    assert np.abs(kernel).max() == pytest.approx(0.3)


def test_gradients_are_those_of_both_replicas(results):
    """Halves of a batch have other norms than the whole; a sum over epochs would not hide it."""
    norms = of(results, "mirrored", "measured")
    parts = [norms[key] for key in norms if key.startswith("history/gradient_norm/")]
    assert len(parts) == 4
    assert np.all(norms["history/gradient_norm_max"] >= norms["history/gradient_norm_mean"])
    assert np.all(np.sqrt(sum(part**2 for part in parts)) <= norms["history/gradient_norm_max"])
