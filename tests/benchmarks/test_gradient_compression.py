"""The benchmark of gradient compression runs; bytes counted by it and on the wire agree."""

import json
import os
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest
from absl.testing import flagsaver

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks/gradient_compression.py"
CODECS = ["none", "topk:0.01", "powersgd:4"]


@pytest.fixture(scope="module")
def document(printed_by):
    missing = [tool for tool in ("setpriv", "unshare", "ip", "tc") if shutil.which(tool) is None]
    if os.geteuid() != 0 or missing:
        pytest.skip(f"needs root and {', '.join(missing) or 'network namespaces'}")
    codecs = [f"--only={codec}" for codec in CODECS]
    arguments = ("--seeds=0", "--rate=1000", *codecs)
    lines = printed_by("gradient_compression", *arguments, warm=False)  # in networks of their own
    return json.loads(lines[-1])


@pytest.mark.cluster
@pytest.mark.parametrize("codec", CODECS)
def test_the_wire_carries_what_was_counted_and_little_else(document, codec):
    of = document["speed"]["1000"][codec]
    counted = 2 * of["payload"]  # two workers: each sends the other as much as it contributes
    assert counted < of["bytes_per_step"] < 1.1 * counted + 40_000  # what is said beside gradients


@pytest.mark.cluster
def test_powersgd_sends_at_most_a_twentieth(document):
    assert document["speed"]["1000"]["powersgd:4"]["share_of_bytes"] < 0.05


@pytest.mark.cluster
def test_the_machines_network_is_untouched(document):
    assert not list(Path("/run/netns").glob("host*"))
    assert "tbf" not in subprocess.run(["tc", "qdisc"], capture_output=True, text=True).stdout


def test_accuracy_needs_no_network(printed_by):
    codecs = ["--only=none", "--only=int8"]
    lines = printed_by("gradient_compression", "--rounds=0", *codecs, "--warmup=1")
    document = json.loads(lines[-1])
    assert document["dataset"] == "digits"
    assert all(0.2 < values[0] <= 1 for values in document["accuracy"].values())
    assert "| `int8` |" in "\n".join(lines)


@pytest.fixture
def benchmark():
    with flagsaver.flagsaver():
        yield runpy.run_path(str(SCRIPT), run_name="gradient_compression")


def test_ratios_are_those_of_medians(benchmark):
    def one(codec, seconds, sent):
        payload = {"payload": 7, "parameters": 5, "rate": 100, "round": 0}
        return {**payload, "codec": codec, "steps": 10, "seconds": seconds, "bytes": sent}

    times = [("none", 10.0), ("none", 30.0), ("none", 20.0), ("int8", 2.0), ("int8", 4.0)]
    speed = [one(codec, s, 400 if codec == "none" else 100) for codec, s in times]
    of = benchmark["summary"](speed)["100"]["int8"]
    assert of["times_faster"] == pytest.approx(((5 + 2.5) / 2) / 0.5)
    assert of["share_of_bytes"] == 0.25
