"""The benchmark of launched workers runs and adds up; its figures are not judged here."""

import json


def test_each_way_of_starting_is_measured(printed_by):
    lines = printed_by("allocation")
    document = json.loads(lines[-1])
    results = document["results"]
    assert [*results] == [f"mlp, 1 workers, {way}" for way in ("free", "pools", "pinned")]
    speed = results["mlp, 1 workers, free"]["steps_per_second"]
    for of in results.values():
        assert of["least"] <= of["ratio"] <= of["most"]
        assert abs(of["ratio"] - of["steps_per_second"] / speed) < 1e-6
        assert of["processor_seconds"] > 0
    assert sum(line.startswith("| mlp, 1 workers |") for line in lines) == 3
