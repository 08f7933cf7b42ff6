"""What can happen to a training while it runs; `chaos.py` says what each of them is."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from restarted_training import Training

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
