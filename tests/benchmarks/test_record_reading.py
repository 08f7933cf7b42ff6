"""The benchmark of record reading runs and adds up; its figures are not judged here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def quick():
    """What a short run prints about two compressions."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks/record_reading.py", "--quick", "--only=none",
         "--only=gzip", "--shards=2"],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout.splitlines()


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
