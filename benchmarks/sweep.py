"""Target: trials of `tftrain sweep` side by side, each on its share of the cores, are done sooner
than one after another, and no later than trainings that are left to the system (ratios above 1).

    python benchmarks/sweep.py            # about six minutes on two idle cores
    python benchmarks/sweep.py --quick    # its figures mean nothing

The same trainings, which differ in their seed only, in three ways: `one by one`, each on the whole
machine (`--parallel=1`); `shares`, all at once in shares of it (`--parallel=N`); `unshared`, all at
once, each with pools as large as the machine, as N terminals would. In turns, in alternating
order. What is measured is the time until all have ended, start-up, export and report of each
included. A ratio is the time of `one by one` in the same round by that of the way itself; of all
rounds the table gives the median and the spread. `processor` is the processor time of all of it,
which depends less on what else the machine does; `others` is how many cores other programs used.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import comparison
import surroundings
from absl import app, flags
from other_load import OtherLoad

PROGRAMS = ("one by one", "shares", "unshared")
PACKAGES = ("tensorflow", "keras", "optuna")
LIMIT_SECONDS = 600.0
CORES = len(os.sched_getaffinity(0))

CASES = {"mlp": ["--epochs=40", "--batch_size=8"], "cnn": ["--epochs=10"]}
MODELS = flags.DEFINE_multi_enum("models", list(CASES), list(CASES), "what is trained")
TRIALS = flags.DEFINE_integer("trials", CORES, "trainings", lower_bound=2)
ROUNDS = flags.DEFINE_integer("rounds", 3, "of all three ways", lower_bound=1)
QUICK = flags.DEFINE_bool("quick", False, "one round, one model, one epoch: does it run?")


def train(model: str) -> list[str]:
    """The flags of a training."""
    epochs = ["--epochs=1"] if QUICK.value else CASES[model]
    return [f"--model={model}", *epochs, "--engine=keras"]


def swept(model: str, parallel: int, folder: Path) -> None:
    """Runs a sweep and waits for its end."""
    tftrain = [sys.executable, "-m", "tftrain", "sweep", f"--out={folder}"]
    varied = [f"--grid=seed=1:{TRIALS.value}", f"--parallel={parallel}", "--pin"]
    done = subprocess.run(
        [*tftrain, *varied, "--", *train(model)],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
    )
    if f"{TRIALS.value} finished" not in done.stdout:
        raise SystemExit(f"{model}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def unshared(model: str, folder: Path) -> None:
    """Starts all trainings at once and waits for the last."""
    tftrain = [sys.executable, "-m", "tftrain", "train", "--noverify_export", *train(model)]
    processes = [
        subprocess.Popen(
            [*tftrain, f"--seed={seed}", f"--out={folder / str(seed)}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for seed in range(1, TRIALS.value + 1)
    ]
    statuses = [process.wait(LIMIT_SECONDS) for process in processes]
    if any(statuses):
        raise SystemExit(f"{model}: exit statuses {statuses}")


def timed(program: str, model: str) -> comparison.Report:
    """How long all trainings of a model take in one of the ways."""
    with tempfile.TemporaryDirectory() as scratch, OtherLoad() as load:
        begin, used, folder = time.monotonic(), processor_seconds(), Path(scratch, "sweep")
        if program == "unshared":
            unshared(model, folder)
        else:
            swept(model, 1 if program == "one by one" else min(TRIALS.value, CORES), folder)
        seconds, used = time.monotonic() - begin, processor_seconds() - used
    return {"seconds": seconds, "processor": used, "others": load.cores or 0.0}


def processor_seconds() -> float:
    """Of all processes that were started here and have ended, and of theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def ratios(of: dict[str, list[comparison.Report]], program: str) -> list[float]:
    """How many times as soon as `one by one` it was done, in each round."""
    pairs = zip(of[program], of["one by one"], strict=True)
    return [alone["seconds"] / own["seconds"] for own, alone in pairs]


def main(_: list[str]) -> None:
    if QUICK.value:
        flags.FLAGS.rounds, flags.FLAGS.models = 1, MODELS.value[:1]
    reports = comparison.measure(timed, MODELS.value, PROGRAMS, rounds=ROUNDS.value, unit="seconds")
    results, rows = {}, []
    head = (f"{TRIALS.value} trials of", "run", "seconds", "sooner by (least to most)",
            "processor", "others")  # fmt: skip
    for model, of in reports.items():
        for program in PROGRAMS:
            middle = {
                name: statistics.median(each[name] for each in of[program])
                for name in ("seconds", "processor", "others")
            }
            ratio = comparison.spread("ratio", ratios(of, program))
            results[f"{model}, {program}"] = {**middle, **ratio}
            shown = f"{ratio['ratio']:.2f} ({ratio['least']:.2f} to {ratio['most']:.2f})"
            used = (f"{middle['processor']:.1f}", f"{middle['others']:.2f}")
            rows.append((model, program, f"{middle['seconds']:.1f}", shown, *used))
    print(comparison.table(head, rows))
    document = {
        "benchmark": "sweep",
        **{flag.name: flag.value for flag in (TRIALS, ROUNDS, QUICK)},
        "cores": CORES,
        "results": results,
        **surroundings.describe(PACKAGES),
    }
    print(json.dumps(document))


if __name__ == "__main__":
    app.run(main)
