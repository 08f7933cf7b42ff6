"""A `tftrain train` that can be hit while it runs, and started again as often as it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

LIMIT_SECONDS = 300.0


class Training:
    """One `tftrain train`, in this folder, started as often as it takes.

    Args:
        folder: Where its run folder and other files go.
        epochs: How many to train for.
        workers: How many processes train together.
    """

    def __init__(self, folder: Path, epochs: int, workers: int = 1) -> None:
        self.folder, self.workers = folder, workers
        self._epochs = epochs
        self.run = folder / "run"
        self.environ = dict(os.environ)
        self.starts = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["train", f"--out={self.run}", *([] if not self._begun() else ["--resume"])]
        if not self._begun():
            command += ["--engine=keras", f"--epochs={self._epochs}", "--seed=1"]
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
