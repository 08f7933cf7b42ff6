"""The benchmark of the planner runs; what it predicts follows from what it is told."""

import json
import os
import runpy
import shutil
from pathlib import Path

import pytest
from absl.testing import flagsaver

from tftrain import planning

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks/planner.py"
RATES = {"flops": 1e10, "convolution_flops": 1e10, "memory_bandwidth": 1e30, "update_rate": 1e30,
         "step_overhead": 0.0, "layer_overhead": 0.0}  # fmt: skip


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPT.parent)
    with flagsaver.flagsaver():
        yield runpy.run_path(str(SCRIPT), run_name="planner")


def test_one_process_is_measured_and_predicted(printed_by):
    lines = printed_by("planner", "--processes=1", "--only=cnn")
    document = json.loads(lines[-1])
    step, memory = document["rows"]
    assert (step["what"], step["link"], memory["what"]) == ("step", "none", "memory")
    assert step["least"] <= step["measured"] <= step["most"]
    assert step["predicted"] == pytest.approx(sum(step["parts"].values()))
    assert memory["measured"] > 0
    assert f"{document['within']} of 2 within 25%" in "\n".join(lines)


@pytest.mark.cluster
def test_two_processes_wait_for_their_link(printed_by):
    missing = [tool for tool in ("setpriv", "unshare", "ip", "tc") if shutil.which(tool) is None]
    if os.geteuid() != 0 or missing:
        pytest.skip(f"needs root and {', '.join(missing) or 'network namespaces'}")
    flags = ("--processes=2", "--only=cnn", "--rate=1000", "--rate=30")
    lines = printed_by("planner", *flags, warm=False)  # in networks of their own
    fast, slow, memory = json.loads(lines[-1])["rows"]
    assert slow["measured"] > fast["measured"]
    assert slow["off"] == pytest.approx(0, abs=0.3)  # the link alone decides
    assert memory["measured"] > 0


def report(**more):
    calibration = {"calibration": {**RATES, **more}, "steps": {"100": [1.0, 2.0, 3.0]}}
    memory = {"before": 100, "small": 10, "whole": 500}
    return {"rounds": [calibration], "memory": memory}


def test_predictions_follow_from_calibration_and_link(benchmark):
    told = report()
    told["rounds"][0]["exchange_rate"] = 1e30
    step, memory = benchmark["rows"]("perceptron", 2, told)
    profile = planning.profile(lambda: benchmark["planned_training"].make_model("perceptron"))
    payload = 4 * profile.parameters
    assert step["parts"]["exchange"] == pytest.approx(payload / (100e6 / 8))
    operations = sum((1 + layer.backward) * layer.flops for layer in profile.layers)
    assert step["parts"]["compute"] == pytest.approx(32 * operations / 1e10)
    assert (step["measured"], step["least"], step["most"]) == (2.0, 1.0, 3.0)
    assert step["off"] == step["predicted"] / 2 - 1
    assert memory["measured"] == 400
    assert memory["predicted"] > 4 * payload + 10


def test_an_exchange_takes_the_processors_too(benchmark):
    told = report()
    told["rounds"][0]["exchange_rate"] = 1e6
    slow = benchmark["machine_of"](told, 2, 100)
    assert (slow.exchange_rate, slow.link.bandwidth) == (1e6, 12.5e6)
    assert benchmark["machine_of"](report(), 1, 100).exchange_rate is None
