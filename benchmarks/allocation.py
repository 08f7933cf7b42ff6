"""Target: workers that `tftrain launch` pins to cores of their own train faster than workers that
are left to the system (ratio above 1). Why pinning is the default: docs/design/allocation.md.

    python benchmarks/allocation.py            # about ten minutes on two cores
    python benchmarks/allocation.py --quick    # its figures mean nothing

The same job under MultiWorkerMirroredStrategy, started in three ways: `free`, every worker on all
cores with pools as large as the machine (`--nopin`); `pools`, on all cores with pools of a share's
size (`--nopin --threads=N`); `pinned`. In turns, in alternating order. A job's figure is the median
of its epochs without the first, in steps a second of the chief. A ratio is that of two jobs of the
same round to one another; of all rounds the table gives the median and the spread.

Processor time is the chief's, for a step. It tells of threads that are in one another's way even
where other programs run too; speed does not: of a core that others use, a worker that is pinned to
it has only a part, while one that is free moves on. A line says how many cores others used.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import comparison
import numpy as np
import surroundings
from absl import app, flags
from other_load import OtherLoad

PROGRAMS = ("free", "pools", "pinned")
PACKAGES = ("tensorflow", "keras", "numpy")
HEAD = ("job", "started", "steps a second", "by free (least to most)", "processor ms a step")
LIMIT_SECONDS = 180.0
QUICKLY = {"models": ["mlp"], "workers": [1], "rounds": 1, "epochs": 1, "steps": 5}

MODELS = flags.DEFINE_multi_enum("models", ["mlp", "cnn"], ["mlp", "cnn"], "what is trained")
WORKERS = flags.DEFINE_multi_integer("workers", [2, 4], "in a job; one setting each")
BATCH = flags.DEFINE_integer("batch", 128, "examples in a global batch", lower_bound=4)
STEPS = flags.DEFINE_integer("steps", 60, "in an epoch", lower_bound=1)
EPOCHS = flags.DEFINE_integer("epochs", 4, "measured in a job", lower_bound=1)
ROUNDS = flags.DEFINE_integer("rounds", 3, "jobs of each way and setting", lower_bound=1)
QUICK = flags.DEFINE_bool("quick", False, "one round of one epoch, one worker: does it run?")
REPORT = flags.DEFINE_string("report", None, "(internal) be a worker; where the chief writes")


def train(model_name: str) -> None:
    """What a worker does."""
    import tftrain
    from tftrain.keras_api import keras

    strategy = tftrain.distribute.strategy("multiworker")
    random = np.random.default_rng(0)
    x = random.random((STEPS.value * BATCH.value, 28, 28, 1), np.float32)
    y = random.integers(0, 10, len(x))
    with strategy.scope():
        make = {
            "mlp": lambda: tftrain.models.mlp((28, 28, 1), hidden=(512, 512), classes=10),
            "cnn": lambda: tftrain.models.cnn((28, 28, 1), classes=10),
        }[model_name]
        model = make()
        model.compile("adam", "sparse_categorical_crossentropy")
    ends: list[tuple[float, float]] = []

    def end(epoch: int, logs: Any) -> None:
        ends.append((time.perf_counter(), time.process_time()))

    clock = keras.callbacks.LambdaCallback(on_epoch_end=end)
    model.fit(
        x, y, batch_size=BATCH.value, epochs=EPOCHS.value + 1, callbacks=[clock], verbose=0
    )  # fmt: skip
    if tftrain.distribute.is_writer(strategy):
        seconds, used = np.median(np.diff(ends, axis=0), axis=0) / STEPS.value
        report = {"steps_per_second": 1 / seconds, "processor_seconds": used}
        Path(REPORT.value).write_text(json.dumps(report))


def job(program: str, case: str) -> comparison.Report:
    """Runs a job and gives what its chief reports."""
    model, workers = case.split(", ")
    count = int(workers.split()[0])
    threads = max(1, len(os.sched_getaffinity(0)) // count)
    how = {"free": ["--nopin"], "pools": ["--nopin", f"--threads={threads}"], "pinned": ["--pin"]}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        settings = [f"--{flag.name}={flag.value}" for flag in (BATCH, STEPS, EPOCHS)]
        work = [sys.executable, __file__, f"--models={model}", f"--report={report}", *settings]
        launch = [sys.executable, "-m", "tftrain", "launch", f"--workers={count}", *how[program]]
        done = subprocess.run(
            [*launch, "--", *work], capture_output=True, text=True, timeout=LIMIT_SECONDS
        )
        if done.returncode:
            raise SystemExit(f"{case}, {program}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return json.loads(report.read_text())


def ratios(of: dict[str, list[comparison.Report]], program: str) -> list[float]:
    """Its speed by that of `free` in the same round."""
    pairs = zip(of[program], of["free"], strict=True)
    return [own["steps_per_second"] / free["steps_per_second"] for own, free in pairs]


def result(of: dict[str, list[comparison.Report]], program: str) -> dict[str, float]:
    """Medians of what one way of starting gave."""
    figures = ("steps_per_second", "processor_seconds")
    middle = {name: statistics.median(each[name] for each in of[program]) for name in figures}
    return {**middle, **comparison.spread("ratio", ratios(of, program))}


def row(found: dict[str, float]) -> tuple[str, ...]:
    """The same as cells."""
    return (
        f"{found['steps_per_second']:,.1f}",
        f"{found['ratio']:.2f} ({found['least']:.2f} to {found['most']:.2f})",
        f"{1000 * found['processor_seconds']:,.0f}",
    )


def main(_: list[str]) -> None:
    if REPORT.value:
        train(MODELS.value[0])
        return
    if QUICK.value:
        for name, value in QUICKLY.items():
            setattr(flags.FLAGS, name, value)
    cases = [f"{model}, {count} workers" for model in MODELS.value for count in WORKERS.value]
    with OtherLoad() as load:
        reports = comparison.measure(
            job, cases, PROGRAMS, rounds=ROUNDS.value, unit="steps_per_second"
        )
    found = {
        (case, program): result(of, program) for case, of in reports.items() for program in PROGRAMS
    }
    print(comparison.table(HEAD, [(*key, *row(each)) for key, each in found.items()]))
    print(f"\nother programs used {load.cores:.2f} cores")
    document = {
        "benchmark": "allocation",
        **{flag.name: flag.value for flag in (BATCH, STEPS, EPOCHS, ROUNDS, QUICK)},
        "results": {", ".join(key): each for key, each in found.items()},
        "other_cores": load.cores,
        **surroundings.describe(PACKAGES),
    }
    print(json.dumps(document))


if __name__ == "__main__":
    app.run(main)
