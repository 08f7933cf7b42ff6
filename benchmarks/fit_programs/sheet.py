"""What a program is asked to do, and the sheet on which it reports.

A program ends with `sheet.run(train)`; `train` gets a Sheet, asks it for the data, and tells it
when training begins, when an epoch has ended and when the model is saved.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import workloads
from absl import app, flags

IMPORTED = time.time()

WORKLOAD = flags.DEFINE_enum("workload", "mlp-32", [*workloads.WORKLOADS], "what to train")
DATA = flags.DEFINE_string("data", None, "an .npz with the names of mnist.npz", required=True)
EPOCHS = flags.DEFINE_integer("epochs", 5, "passes over the data", lower_bound=1)
SEED = flags.DEFINE_integer("seed", 0, "of weights, order and dropout", lower_bound=0)
STARTED = flags.DEFINE_float("started", None, "when the process began, in seconds since 1970")
REPORT = flags.DEFINE_string("report", None, "file for the report; without it, to the terminal")


class Sheet:
    """Times are wall-clock seconds since the process began, or durations in seconds."""

    def __init__(self) -> None:
        self.workload = workloads.WORKLOADS[WORKLOAD.value]
        self.epochs = EPOCHS.value
        self.seed = SEED.value
        self._started = STARTED.value or IMPORTED
        self._stamps: list[float] = []
        self._facts: dict[str, Any] = {}

    def data(self) -> workloads.Data:
        data = workloads.read(DATA.value, self.workload.shape)
        self._facts["data_bytes"] = data.bytes
        return data

    def begin(self) -> None:
        """Training starts now; call it before what compiles or traces."""
        self._facts["ready_seconds"] = time.time() - self._started
        self._stamps.append(time.perf_counter())

    def end_epoch(self) -> None:
        """An epoch and its validation are over."""
        self._stamps.append(time.perf_counter())

    @contextmanager
    def saving(self) -> Iterator[Path]:
        """A folder in which the block saves the model: the end of the whole run."""
        folder = tempfile.mkdtemp()
        try:
            start = time.perf_counter()
            yield Path(folder)
            self._facts["saving_seconds"] = time.perf_counter() - start
            self._facts["whole_seconds"] = time.time() - self._started
        finally:
            shutil.rmtree(folder)

    def write(self, **facts: Any) -> None:
        """Adds what the program knows of itself and writes the report."""
        times = [end - start for start, end in zip(self._stamps, self._stamps[1:], strict=False)]
        report = {"epoch_seconds": times, "peak_bytes": peak_bytes(), **self._facts, **facts}
        text = json.dumps(report)
        if REPORT.value:
            Path(REPORT.value).write_text(text)
        else:
            print(text)


def peak_bytes() -> int:
    """The largest resident set of this program.

    Not `ru_maxrss`: Linux lets it begin at the size of the process that started this one.
    """
    if sys.platform.startswith("linux"):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def run(train: Callable[[Sheet], None]) -> None:
    """Parses the flags and trains."""
    app.run(lambda _: train(Sheet()))
