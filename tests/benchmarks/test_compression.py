"""The benchmark of compression runs, and its figures are what they are called."""

import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
from absl.testing import flagsaver

SCRIPT = Path(__file__).parents[2] / "benchmarks/compression.py"


@pytest.fixture(scope="module")
def lines(printed_by):
    return printed_by("compression", "--only=mlp")


@pytest.fixture
def benchmark():
    with flagsaver.flagsaver():
        yield runpy.run_path(str(SCRIPT), run_name="compression")


def test_it_ends_with_a_line_of_json(lines):
    document = json.loads(lines[-1])
    assert (document["dataset"], document["quick"]) == ("digits", True)
    assert set(document["networks"]) == {"mlp"}
    assert {"versions", "hardware"} <= set(document)


def test_every_target_has_a_figure(lines):
    document = json.loads(lines[-1])
    assert len(document["targets"]) == 7
    for row in document["targets"]:
        assert row["reached"] == (
            row["mean"] >= row["goal"] if row["at_least"] else row["mean"] <= row["goal"]
        )
    (fours,) = [row for row in document["targets"] if "2:4" in row["name"]]
    assert fours["mean"] == 1


def test_latencies_stand_side_by_side(lines):
    table = "\n".join(lines)
    for program in ("Keras predict", "SavedModel", "LiteRT"):
        assert f"dense                  {program}" in table


def test_figures_are_the_ratios_that_they_are_called(benchmark):
    def variant(name, size, gzipped, drop):
        return SimpleNamespace(name=name, bytes=size, gzip_bytes=gzipped, drop=drop)

    variants = [
        variant("dense", 400, 300, 0.0),
        variant("dense_int8", 100, 90, 0.001),
        variant("pruned", 400, 150, 0.002),
        variant("pruned_clustered_qat", 100, 20, 0.003),
    ]
    found = dict(benchmark["figures"]("mlp", SimpleNamespace(variants=variants)))
    assert found["points lost by 80% zeros"] == pytest.approx(0.2)
    assert found["points lost by zeros, clusters and int8"] == pytest.approx(0.3)
    assert found["share of the dense file, int8"] == 0.25
    assert found["times smaller, both gzipped"] == 15
    assert found["times smaller, gzip against the plain dense file"] == 20


def test_a_target_is_a_most_or_a_least(benchmark):
    target = benchmark["Target"]
    assert target("mlp", "", 0.3).reached(0.3)
    assert not target("mlp", "", 0.3).reached(0.31)
    assert target("mlp", "", 14, at_least=True).reached(15)
