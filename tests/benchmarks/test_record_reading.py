"""The benchmark of record reading runs and adds up; its figures are not judged here."""

import json

import pytest


@pytest.fixture(scope="module")
def quick(printed_by):
    """What a short run prints about two compressions."""
    return printed_by("record_reading", "--only=none", "--only=gzip", "--shards=2")


def test_the_table_has_every_program(quick):
    rows = [line.split(" | ")[2] for line in quick if line.startswith("| gzip |")]
    assert rows == ["plain", "chunks", "records", "verify"]


def test_the_last_line_adds_up(quick):
    document = json.loads(quick[-1])
    none, gzip = (document["results"][name] for name in ("none", "gzip"))
    assert none["file_bytes"] == none["payload_bytes"] == gzip["payload_bytes"]
    assert gzip["file_bytes"] < 0.7 * none["file_bytes"]
    for program in ("plain", "chunks", "records"):
        least, middle, most = gzip[program]["seconds"]
        assert least <= middle <= most
        assert gzip[program]["examples_per_second"] == pytest.approx(2000 / middle)
    assert document["results"]["gzip"]["plain"]["time_beside_plain"] == 1
