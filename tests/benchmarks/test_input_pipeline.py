"""The benchmarks of the input pipeline and, a part of it, of record reading run and add up; their
figures are not judged here.
"""

import json
import runpy
from pathlib import Path

import pytest
from absl.testing import flagsaver

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks/input_pipeline.py"
PROGRAMS = ["tftrain", "keras", "per_image"]


@pytest.fixture(scope="module")
def quick(printed_by):
    """What a short run prints about small images."""
    return printed_by("input_pipeline", "--size=32", "--seconds=0.1")


def test_the_table_of_record_sets_has_every_program(quick):
    rows = [line.split(" | ")[2] for line in quick if line.startswith("| gzip |")]
    assert rows == ["plain", "chunks", "records", "verify"]


def test_the_figures_of_record_sets_add_up(quick):
    document = json.loads(quick[-1])["records"]
    assert document["benchmark"] == "record_reading"
    none, gzip = (document["results"][name] for name in ("none", "gzip"))
    assert none["file_bytes"] == none["payload_bytes"] == gzip["payload_bytes"]
    assert gzip["file_bytes"] < 0.7 * none["file_bytes"]
    for program in ("plain", "chunks", "records"):
        least, middle, most = gzip[program]["seconds"]
        assert least <= middle <= most
        assert gzip[program]["examples_per_second"] == pytest.approx(2000 / middle)
    assert gzip["plain"]["time_beside_plain"] == 1


@pytest.fixture
def benchmark():
    with flagsaver.flagsaver():
        yield runpy.run_path(str(SCRIPT), run_name="input_pipeline")


def reports(*speeds):
    return [{"images_per_second": speed, "mean": 0.4, "deviation": 0.2} for speed in speeds]


def test_the_table_has_all_programs(quick):
    rows = [line for line in quick if line.startswith("| 32x32x3 |")]
    assert [row.split(" | ")[1] for row in rows] == PROGRAMS


def test_the_last_line_tells_with_what_it_was_measured(quick):
    document = json.loads(quick[-1])
    assert {"python", "tensorflow", "keras"} <= set(document["versions"])
    assert {"processor", "cores"} <= set(document["hardware"])
    assert document["quick"] is True


def test_all_programs_change_images_about_as_much(quick):
    results = json.loads(quick[-1])["augmentation"]["results"]["32"]
    means = [results[program]["mean"] for program in PROGRAMS]
    assert max(means) - min(means) < 0.03  # what is moved out leaves black: about as much in each
    assert all(0.3 < mean < 0.48 for mean in means)  # 0.5 before


def test_the_ratio_is_that_of_medians_to_the_faster_other(benchmark):
    result = benchmark["summary"](
        {
            "tftrain": reports(10, 90, 60),
            "keras": reports(20, 20, 99),
            "per_image": reports(30, 30, 10),
        }
    )
    assert result["ratio"] == pytest.approx(2)
    assert (result["tftrain"]["least"], result["tftrain"]["most"]) == (10, 90)
