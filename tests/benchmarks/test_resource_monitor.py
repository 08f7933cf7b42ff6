"""The benchmark of the monitor runs and adds up; its figures are not judged here."""

import json

import pytest


def test_every_engine_is_measured(printed_by):
    lines = printed_by("resource_monitor")
    results = json.loads(lines[-1])["results"]
    assert [*results] == ["keras", "multi_step", "fused_epoch", "fused_epoch_xla"]
    for of in results.values():
        assert of["share"] == pytest.approx(of["monitor_seconds"] / of["epoch_seconds"])
    assert sum(line.startswith(f"| {name} |") for line in lines for name in results) == 4
