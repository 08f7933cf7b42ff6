"""The benchmarks of pipelines and meshes run and add up; their figures are not judged here."""

import json


def test_idle_stages_are_measured(printed_by):
    lines = printed_by("pipeline", "--parts=bubble")
    found = json.loads(lines[-1])["results"]["bubble"]
    assert [*found] == ["1f1b 2", "gpipe 2"]
    for of in found.values():
        assert of["ideal"] == 1 / 3  # two stages, two micro-batches
        assert 0 <= of["measured"] < 1
        assert of["ms"] > 0


def test_meshes_stand_beside_one_device_and_what_rounding_comes_to(printed_by):
    lines = printed_by("tensor_parallel")
    document = json.loads(lines[-1])
    (rows,) = document["figures"].values()
    meshes = ["mesh 1x2", "mesh 2x1", "mesh 2x2"]
    assert [*rows] == ["one device", *meshes, "mirrored 2", "one device, rounded"]
    assert rows["one device"]["difference"] == 0
    assert document["reached"]["share"] is True
    assert lines[-2].startswith("Keras's own ModelParallel on TensorFlow: ")
