"""The benchmark of serving runs, and its figures are what they are called."""

import json

import pytest


@pytest.fixture(scope="module")
def lines(printed_by):
    return printed_by("serving")


def test_every_load_has_a_figure_for_every_server(lines):
    document = json.loads(lines[-1])
    assert document["quick"]
    assert {"versions", "hardware"} <= set(document)
    assert len(document["results"]) == 2
    for programs in document["results"].values():
        assert len(programs) == 5
        for report in programs.values():
            assert report["requests_a_second"] > 0
            assert 0 < report["p50"] <= report["p95"] <= report["p99"]


def test_gains_are_ratios_of_requests_at_32_clients(lines):
    document = json.loads(lines[-1])
    programs = document["results"]["mlp: 32 clients, 1 row"]
    ratio = (
        programs["batched rest"]["requests_a_second"]
        / (programs["single rest"]["requests_a_second"])
    )
    assert document["gains"]["mlp"]["batched over single"] == pytest.approx(ratio)


def test_memory_under_load_has_a_slope(printed_by):
    # A process that stands for another has a memory of its own.
    document = json.loads(printed_by("serving", "--minutes=0.05", warm=False)[-1])
    assert document["memory"]["mib_at_last"] > 100
    assert "mib_a_minute" in document["memory"]
