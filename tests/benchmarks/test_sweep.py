"""The benchmark of sweeps runs and adds up; its figures are not judged here."""

import json

import pytest


@pytest.mark.slow  # six trainings, each a process
def test_all_three_ways_are_measured(printed_by):
    lines = printed_by("sweep")
    results = json.loads(lines[-1])["results"]
    assert [*results] == ["mlp, one by one", "mlp, shares", "mlp, unshared"]
    alone = results["mlp, one by one"]
    assert alone["ratio"] == 1
    for of in results.values():
        assert of["ratio"] == pytest.approx(alone["seconds"] / of["seconds"])
    assert sum(line.startswith("| mlp |") for line in lines) == 3
