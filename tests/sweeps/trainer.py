"""Stands for a training: appends a line an epoch to metrics.jsonl, and ends as it is told.

`python trainer.py FOLDER EPOCHS LOSS END`; what is in the folder already is gone on with.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path


def main(folder, epochs, loss, end):
    folder.mkdir(exist_ok=True)
    cores = sorted(os.sched_getaffinity(0))
    (folder / "cores.json").write_text(json.dumps([cores, os.environ["OMP_NUM_THREADS"]]))
    metrics = folder / "metrics.jsonl"
    done = len(metrics.read_text().splitlines()) if metrics.exists() else 0
    for epoch in range(done, 0 if end == "silent" else epochs):
        write(metrics, loss + 1 / (epoch + 1))
        time.sleep(0.02)
    ENDS[end](metrics)


def write(metrics, loss):
    with metrics.open("a") as file:
        file.write(json.dumps({"loss": loss, "other": 1.0}) + "\n")


def diverged(metrics):
    write(metrics, None)
    time.sleep(60)


def badly(metrics):
    sys.exit("the data are not there")


def stubborn(metrics):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    diverged(metrics)


def greedy(metrics):
    taken = [b"x" * (700 << 20)]
    time.sleep(60)
    del taken


def once(metrics):
    again = metrics.with_name("again")
    if not again.exists():
        again.touch()
        badly(metrics)


ENDS = {
    "well": lambda metrics: None,
    "silent": lambda metrics: None,
    "badly": badly,
    "once": once,
    "killed": lambda metrics: os.kill(os.getpid(), signal.SIGKILL),
    "hangs": lambda metrics: time.sleep(60),
    "diverged": diverged,
    "stubborn": stubborn,
    "greedy": greedy,
}

if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4])
