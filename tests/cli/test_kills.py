"""Trainings that are killed at random moments, and what comes out in the end.

Every process here is a real one, and so is every signal. The moments follow from a seed, but a
machine is never equally quick: a failure is to be believed even if it does not come again.
"""

import contextlib
import json
import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from tests import warm_python
from tests.cli.trainings import QUICK, metrics
from tests.waiting import wait_until
from tftrain.keras_api import keras

LIMIT = 120  # seconds a process may take
SETTINGS = ["--model=mlp", "--epochs=6", "--checkpoint_every_steps=10"]
ENGINES = {
    "fused_epoch": ["--engine=fused_epoch"],
    "keras": ["--engine=keras", "--epochs=3"],
    "multi_step": ["--engine=multi_step"],
    "mirrored": ["--strategy=mirrored", "--devices=2", "--batch_size=100"],
}


def command(out, engine):
    own = ENGINES[engine]
    names = {flag.split("=")[0] for flag in own}
    return [*QUICK, *(f for f in SETTINGS if f.split("=")[0] not in names), *own, f"--out={out}"]


def start(arguments, out):
    """Starts `tftrain ARGUMENTS` as a process; what it says is beside the run's folder."""
    return warm_python.start(["-m", "tftrain", *arguments], said(out))


def said(out):
    return Path(f"{out}.log")


def run(arguments, out):
    status = start(arguments, out).wait(LIMIT)
    assert status == 0, said(out).read_text()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that was left alone, and how long it took, by engine."""
    made = {}

    def of(engine):
        if engine not in made:
            out = tmp_path_factory.mktemp(engine) / "run"
            begin = time.monotonic()
            run(command(out, engine), out)
            made[engine] = out, time.monotonic() - begin
        return made[engine]

    return of


def go_on(out, engine):
    """What a user would type: a run that was killed before it began is none yet."""
    begun = (out / "config.json").exists()
    return [*QUICK, "--resume", f"--out={out}"] if begun else command(out, engine)


def checkpoints(out):
    return sorted(path.name for path in out.glob("checkpoints/step-*"))


def kill_after(seconds, out, engine):
    """Starts or goes on, and is killed; gives the exit status."""
    process = start(go_on(out, engine), out)
    time.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    return process.wait(LIMIT)


def assert_same(out, expected, tolerance=0.0):
    for line, wanted in zip(metrics(out), metrics(expected), strict=True):
        assert line == pytest.approx(wanted, rel=tolerance, abs=0)
    found, wanted = (keras.saving.load_model(each / "model.keras") for each in (out, expected))
    for one, other in zip(found.weights, wanted.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    for one, other in zip(found.optimizer.variables, wanted.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def kill_and_compare(whole, tmp_path, engine, kills):
    expected, duration = whole(engine)
    moments, out = random.Random(f"{engine} {kills}"), tmp_path / "run"
    statuses = [kill_after(moments.uniform(0.1, duration), out, engine) for _ in range(kills)]
    run(go_on(out, engine), out)
    assert -signal.SIGKILL in statuses  # one may have come to its end before
    # Two replicas' sums of metrics are saved as one, and divided anew.
    assert_same(out, expected, tolerance=1e-6 if engine == "mirrored" else 0.0)


# The other engines are cut off in one process, in callbacks/test_checkpoint.py.
@pytest.mark.parametrize(("engine", "kills"), [("fused_epoch", 3), ("mirrored", 1)])
def test_a_killed_run_ends_as_if_it_had_been_left_alone(whole, tmp_path, engine, kills):
    kill_and_compare(whole, tmp_path, engine, kills)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_twenty_kills(whole, tmp_path, engine):
    kill_and_compare(whole, tmp_path, engine, 20)


@pytest.fixture(scope="module")
def preempted(tmp_path_factory):
    """A run that was told to stop in its midst: the folder, the status and what was said."""
    out = tmp_path_factory.mktemp("preempted") / "run"
    process = start(command(out, "fused_epoch"), out)
    wait_until(lambda: len(checkpoints(out)) >= 2, 60, said(out).read_text)
    os.kill(process.pid, signal.SIGTERM)
    return out, process.wait(LIMIT), said(out).read_text()


def test_sigterm_saves_and_exits_with_143(preempted):
    out, status, output = preempted
    assert status == 143
    step = int(checkpoints(out)[-1].removeprefix("step-"))
    told = output.splitlines()[-1]
    assert told.startswith("tftrain train: preempted by SIGTERM")
    assert f"up to step {step}; go on with: tftrain train --resume --out={out}" in told
    assert json.loads((out / "result.json").read_text())["status"] == "preempted"


def test_what_was_preempted_goes_on(preempted, whole):
    out, _, _ = preempted
    run([*QUICK, "--resume", f"--out={out}"], out)
    assert_same(out, whole("fused_epoch")[0])
