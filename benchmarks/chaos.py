"""Target: whatever happens to a training, it ends as the one to which nothing happened: weights bit
for bit with one process, to 1e-6 with two workers, and metrics.jsonl line for line.

    python benchmarks/chaos.py                             # 16 faults, about 15 minutes
    python benchmarks/chaos.py --faults=50 --seed=3
    python benchmarks/chaos.py --only=kill,damage --faults=4

Each fault hits a `tftrain train` of its own, at a random moment between its first epoch and its
last; what a fault ends is started again with `--resume`, or by `tftrain launch --max_restarts`.

- kill: SIGKILL. preempt: SIGTERM, which saves first.
- kill_chief, kill_worker: SIGKILL to one of two workers. stop_worker: SIGSTOP for some seconds.
- full_disk: from that moment on no file grows beyond 4 KiB, until the training is started again.
- damage: SIGKILL, and some bytes of the newest checkpoint are others when it is started again.
- remove: the folder of checkpoints is removed while the training runs, and later it is killed.
- clock_jump: the wall clock goes back or forward by days (needs a C compiler: `cc`).

Time lost: seconds of all its processes, less those of the training to which nothing happened. Of
a process that is started again some four are the start of TensorFlow.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import surroundings
from absl import app, flags
from faults import FAULT_KINDS, jumping_clock
from restarted_training import Training

FAULTS = flags.DEFINE_integer("faults", 16, "how many", lower_bound=1)
SEED = flags.DEFINE_integer("seed", 0, "of the moments")
QUICK = flags.DEFINE_bool("quick", False, "one fault, few epochs: does it run?")

ONLY = flags.DEFINE_list("only", [*FAULT_KINDS], "kinds of faults, with commas between")

PACKAGES = ("tensorflow", "keras", "numpy")
STARTS = 8  # of a training, at most


def epochs() -> int:
    return 8 if QUICK.value else 60


def unharmed(folder: Path, workers: int) -> tuple[dict[str, Any], float]:
    """The result of a training to which nothing happens, and its seconds."""
    training = Training(folder, epochs(), workers)
    begin = time.monotonic()
    training.start()
    if training.wait():
        log = (folder / "log-0.txt").read_text()
        raise RuntimeError(f"a training without faults failed:\n{log[-2000:]}")
    return training.result(), time.monotonic() - begin


def harmed(kind: str, folder: Path, dice: random.Random) -> tuple[Training, float]:
    """A training that is hit once, and started again until it ends well; and its seconds."""
    fault = FAULT_KINDS[kind]
    training = Training(folder, epochs(), fault.workers)
    if kind == "clock_jump":
        training.environ |= jumping_clock(folder, dice)
    begin = time.monotonic()
    training.start()
    training.wait_until(dice.randrange(1, epochs() - 1))
    time.sleep(dice.uniform(0, 0.1))
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        fault.strike(training, dice)
    while training.wait() and training.starts < STARTS:
        training.start()
    return training, time.monotonic() - begin


def difference(result: dict[str, Any], expected: dict[str, Any]) -> float:
    """The largest among weights and metrics; infinite if lines are missing or there twice."""
    import numpy as np

    pairs = zip(result["weights"], expected["weights"], strict=True)
    largest = max(float(np.max(np.abs(one - other))) for one, other in pairs)
    if [line["epoch"] for line in result["lines"]] != [line["epoch"] for line in expected["lines"]]:
        return float("inf")
    for line, wanted in zip(result["lines"], expected["lines"], strict=True):
        if line.keys() != wanted.keys():
            return float("inf")
        largest = max(largest, *(abs(line[name] - wanted[name]) for name in line))
    return largest


def measured(kinds: list[str], root: Path) -> Iterator[dict[str, Any]]:
    dice = random.Random(SEED.value)
    expected = {}
    for number in range(FAULTS.value):
        kind = kinds[number % len(kinds)]
        workers = FAULT_KINDS[kind].workers
        if workers not in expected:
            print(f"a training of {workers} without faults", file=sys.stderr)
            expected[workers] = unharmed(made(root / f"unharmed-{workers}"), workers)
        print(f"fault {number + 1} of {FAULTS.value}: {kind}", file=sys.stderr)
        training, seconds = harmed(kind, made(root / f"{number}-{kind}"), dice)
        yield row(kind, training, seconds, *expected[workers])


def row(
    kind: str, training: Training, seconds: float, expected: dict[str, Any], normal: float
) -> dict[str, Any]:
    survived = training.process.returncode == 0
    far = difference(training.result(), expected) if survived else float("inf")
    return {
        "fault": kind,
        "survived": survived,
        "equal": far <= (0 if training.workers == 1 else 1e-6),
        "difference": far,
        "starts": training.starts,
        "lost_seconds": round(seconds - normal, 1),
    }


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def table(rows: list[dict[str, Any]]) -> str:
    lines = ["| fault | times | survived | result equal | largest difference | seconds lost |"]
    lines.append("|---" * 6 + "|")
    for kind in dict.fromkeys(row["fault"] for row in rows):
        of = [row for row in rows if row["fault"] == kind]
        lost = [row["lost_seconds"] for row in of]
        lines.append(
            f"| {kind} | {len(of)} | {sum(row['survived'] for row in of)} "
            f"| {sum(row['equal'] for row in of)} | {max(row['difference'] for row in of):.1e} "
            f"| {min(lost):.1f} to {max(lost):.1f} |"
        )
    return "\n".join(lines)


def main(_: list[str]) -> None:
    kinds = [kind for kind in FAULT_KINDS if kind in ONLY.value]
    if "clock_jump" in kinds and not shutil.which("cc"):
        kinds.remove("clock_jump")
        print("clock_jump is left out: there is no C compiler", file=sys.stderr)
    if QUICK.value:
        flags.FLAGS.faults = 1
    with tempfile.TemporaryDirectory() as root:
        rows = list(measured(kinds, Path(root)))
    print(table(rows))
    document = {"benchmark": "chaos", "seed": SEED.value, "quick": QUICK.value, "faults": rows}
    print(json.dumps({**document, **surroundings.describe(PACKAGES)}))


if __name__ == "__main__":
    app.run(main)
