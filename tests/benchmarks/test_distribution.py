"""The benchmark of distribution runs and adds up; its figures are not judged here."""

import json
import runpy
from pathlib import Path

import pytest
from absl.testing import flagsaver

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks/distribution.py"
BYTES_A_FLOAT = 4


@pytest.fixture(scope="module")
def quick(printed_by):
    """What a short run prints about two workers."""
    return printed_by("distribution", "--only=2 workers", warm=False)  # in a network of its own


@pytest.fixture(scope="module")
def document(quick):
    return json.loads(quick[-1])


@pytest.fixture
def benchmark():
    with flagsaver.flagsaver():
        yield runpy.run_path(str(SCRIPT), run_name="distribution")


def report(speed, updates=100):
    return {
        "steps_per_second": speed,
        "bytes_per_step": 10.0,
        "replicas": 2,
        "parameters": 5,
        "updates": updates,
    }


def test_the_table_has_both_programs(quick):
    rows = [line for line in quick if line.startswith("| 2 workers |")]
    assert [row.split(" | ")[1] for row in rows] == ["tftrain", "tf_keras"]


def test_the_last_line_tells_with_what_it_was_measured(document):
    assert {"python", "tensorflow", "keras", "tf_keras"} <= set(document["versions"])
    assert {"processor", "cores"} <= set(document["hardware"])
    assert document["quick"] is True


@pytest.mark.parametrize("program", ["tftrain", "tf_keras"])
def test_two_workers_exchange_all_gradients_once_a_step(document, program):
    if "namespace" not in document["bytes_counted_in"]:
        pytest.skip("no network namespace here: other programs' bytes are counted as well")
    of = document["results"]["2 workers"][program]
    gradients = 2 * of["parameters"] * BYTES_A_FLOAT  # each worker sends all of them
    assert gradients < of["bytes_per_step"] < 1.1 * gradients


def test_the_ratio_is_that_of_medians(benchmark):
    reports = {
        "tftrain": [report(10), report(90), report(30)],
        "tf_keras": [report(20), report(20), report(99)],
    }
    result = benchmark["summary"](reports)
    assert result["ratio"] == pytest.approx(1.5)
    assert (result["tftrain"]["least"], result["tftrain"]["most"]) == (10, 90)


def test_programs_that_did_different_work_are_not_compared(benchmark):
    reports = {"tftrain": [report(10)], "tf_keras": [report(10, updates=50)]}
    with pytest.raises(RuntimeError, match="updates, replicas and parameters differ"):
        benchmark["summary"](reports)
