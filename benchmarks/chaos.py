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
import dataclasses
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import surroundings
from absl import app, flags

FAULTS = flags.DEFINE_integer("faults", 16, "how many", lower_bound=1)
SEED = flags.DEFINE_integer("seed", 0, "of the moments")
QUICK = flags.DEFINE_bool("quick", False, "one fault, few epochs: does it run?")

PACKAGES = ("tensorflow", "keras", "numpy")
LIMIT_SECONDS = 300.0
STARTS = 8  # of a training, at most
CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
static int (*real)(clockid_t, struct timespec *);
int clock_gettime(clockid_t id, struct timespec *at) {
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(id, at);
    const char *mark = getenv("CHAOS_JUMPED"), *by = getenv("CHAOS_SECONDS");
    if (id == CLOCK_REALTIME && mark && by && !access(mark, F_OK)) at->tv_sec += atol(by);
    return status;
}
"""


class Training:
    """One `tftrain train`, in this folder, started as often as it takes.

    Args:
        folder: Where its run folder and other files go.
        workers: How many processes train together.
    """

    def __init__(self, folder: Path, workers: int = 1) -> None:
        self.folder, self.workers = folder, workers
        self.run = folder / "run"
        self.environ = dict(os.environ)
        self.starts = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["train", f"--out={self.run}", *([] if not self._begun() else ["--resume"])]
        if not self._begun():
            command += ["--engine=keras", f"--epochs={epochs()}", "--seed=1"]
            command += ["--checkpoint_every_steps=7", "--dropout=0.2", "--learning_rate=0.001"]
        tftrain = [sys.executable, "-m", "tftrain"]
        if self.workers > 1:
            options = [f"--workers={self.workers}", "--max_restarts=5", "--grace=20"]
            tftrain = [*tftrain, "launch", *options, "--", *tftrain]
        log = open(self.folder / f"log-{self.starts}.txt", "wb")  # noqa: SIM115
        self.starts += 1
        self.process = subprocess.Popen(
            [*tftrain, *command], stdout=log, stderr=subprocess.STDOUT, env=self.environ
        )
        log.close()

    def ended(self) -> bool:
        return self.process.poll() is not None

    def wait(self) -> int:
        try:
            return self.process.wait(LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait()
            raise

    def worker(self, index: int) -> psutil.Process:
        """The process of a worker, or the only one."""
        if self.workers == 1:
            return psutil.Process(self.process.pid)
        for child in psutil.Process(self.process.pid).children():
            config = json.loads(child.environ().get("TF_CONFIG", "{}"))
            if config.get("task", {}).get("index") == index:
                return child
        raise psutil.NoSuchProcess(index)

    def epochs(self) -> int:
        metrics = self.run / "metrics.jsonl"
        return metrics.read_text().count("\n") if metrics.exists() else 0

    def wait_until(self, epoch: int) -> None:
        """Waits until an epoch has ended, or everything has."""
        while self.epochs() < epoch and not self.ended():
            time.sleep(0.005)

    def newest_checkpoint(self) -> Path | None:
        found = sorted((self.run / "checkpoints").glob("step-*"))
        return found[-1] if found else None

    def result(self) -> dict[str, Any]:
        """What must be equal: the weights, and the lines of metrics without times."""
        from tftrain.keras_api import keras

        lines = [json.loads(line) for line in (self.run / "metrics.jsonl").read_text().splitlines()]
        kept = [{k: line[k] for k in line if k not in ("seconds", "resources")} for line in lines]
        model = keras.saving.load_model(self.run / "model.keras")
        return {"lines": kept, "weights": model.get_weights()}

    def _begun(self) -> bool:
        return (self.run / "config.json").exists() and self.starts > 0


def epochs() -> int:
    return 8 if QUICK.value else 60


@dataclasses.dataclass(frozen=True)
class Fault:
    """Something that happens to a training while it runs.

    Attributes:
        strike: Does it; what it yields ends when the training has ended.
        workers: How many train.
    """

    strike: Callable[[Training, random.Random], Any]
    workers: int = 1


def kill(index: int = 0) -> Callable[[Training, random.Random], Any]:
    return lambda training, dice: training.worker(index).kill()


def preempt(training: Training, dice: random.Random) -> None:
    training.process.send_signal(signal.SIGTERM)


def stop_worker(training: Training, dice: random.Random) -> None:
    worker = training.worker(dice.randrange(2))
    worker.suspend()
    time.sleep(dice.uniform(0.5, 5))
    worker.resume()


def full_disk(training: Training, dice: random.Random) -> None:
    resource.prlimit(training.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))


def damage(training: Training, dice: random.Random) -> None:
    training.process.kill()
    training.process.wait()
    if newest := training.newest_checkpoint():
        file = dice.choice(sorted(newest.iterdir()))
        content = bytearray(file.read_bytes())
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
        file.write_bytes(content)


def remove(training: Training, dice: random.Random) -> None:
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(training.run / "checkpoints")
    time.sleep(dice.uniform(0, 1))
    training.process.kill()


def clock_jump(training: Training, dice: random.Random) -> None:
    (training.folder / "jumped").touch()


FAULT_KINDS = {
    "kill": Fault(kill()),
    "preempt": Fault(preempt),
    "full_disk": Fault(full_disk),
    "damage": Fault(damage),
    "remove": Fault(remove),
    "clock_jump": Fault(clock_jump),
    "kill_chief": Fault(kill(0), workers=2),
    "kill_worker": Fault(kill(1), workers=2),
    "stop_worker": Fault(stop_worker, workers=2),
}
ONLY = flags.DEFINE_list("only", [*FAULT_KINDS], "kinds of faults, with commas between")


def jumping_clock(folder: Path, dice: random.Random) -> dict[str, str]:
    """The environment of a process whose wall clock jumps when FOLDER/jumped appears."""
    source, library = folder / "clock.c", folder / "clock.so"
    source.write_text(CLOCK)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    days = dice.choice((-400, -1, 1, 400))
    return {
        "LD_PRELOAD": str(library),
        "CHAOS_JUMPED": str(folder / "jumped"),
        "CHAOS_SECONDS": str(days * 86_400),
    }


def unharmed(folder: Path, workers: int) -> tuple[dict[str, Any], float]:
    """The result of a training to which nothing happens, and its seconds."""
    training = Training(folder, workers)
    begin = time.monotonic()
    training.start()
    if training.wait():
        log = (folder / "log-0.txt").read_text()
        raise RuntimeError(f"a training without faults failed:\n{log[-2000:]}")
    return training.result(), time.monotonic() - begin


def harmed(kind: str, folder: Path, dice: random.Random) -> tuple[Training, float]:
    """A training that is hit once, and started again until it ends well; and its seconds."""
    fault = FAULT_KINDS[kind]
    training = Training(folder, fault.workers)
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
