"""A process of benchmarks/planner.py: calibrates itself, trains a model, says what it has seen."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import gc
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import network
import numpy as np

UNLIMITED = 20_000  # Mbit/s; more than the processors pass on
STEPS = {1000: 16, 300: 10, 100: 6}


def make_model(name: str) -> Any:
    from tftrain.keras_api import keras

    layers = keras.layers
    body = {
        "perceptron": lambda: [
            keras.Input((784,)),
            layers.Dense(2048, activation="relu"),
            layers.Dense(2048, activation="relu"),
        ],
        "cnn": lambda: [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
        ],
    }[name]()
    model = keras.Sequential([*body, layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    return model


def status(field: str) -> int:
    """Bytes by a line of /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(field))


def give_back() -> None:
    """Hands what was freed back to the system, so that nothing is used again without being seen."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)


class Process:
    """One of the processes: calibrates itself, trains, and writes down what it has seen."""

    def __init__(
        self, model: str, batch: int, core: int, rates: Sequence[int], quick: bool
    ) -> None:
        os.sched_setaffinity(0, {core})
        import tftrain
        from tftrain.keras_api import tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(2)
        self.count = 2 if "TF_CONFIG" in os.environ else 1
        name = "multiworker" if self.count == 2 else "one"
        self.strategy = tftrain.distribute.strategy(name, peer_timeout=120)
        self.name, self.batch, self.quick = model, batch, quick
        self.rates = rates if self.count == 2 else rates[:1]

    def scope(self) -> Any:
        return self.strategy.scope() if self.count == 2 else contextlib.nullcontext()

    def shape(self, rate: int) -> None:
        if self.count == 2:
            network.shape(rate)

    def run(self, rounds: int) -> dict[str, Any]:
        """Memory of the first training, then calibrations and step times, round after round."""
        from tftrain.planning import measuring

        self.shape(UNLIMITED)
        overheads = [self.overheads()]
        memory = self.memory()
        taken: list[dict[str, Any]] = []
        for _ in range(rounds):
            self.shape(UNLIMITED)
            if taken:
                overheads.append(self.overheads())
            seconds = 0.01 if self.quick else measuring.SECONDS
            rates = measuring.rates(
                self.batch // self.count, time.perf_counter, *overheads[-1], seconds=seconds
            )
            one = {"calibration": dataclasses.asdict(rates)}
            if self.count == 2:
                one["exchange_rate"] = self.exchange_rate()
            one["steps"] = {rate: self.steps(rate) for rate in self.rates}
            taken.append(one)
        return {"memory": memory, "rounds": taken, "load": os.getloadavg()[0]}

    def overheads(self) -> tuple[float, float]:
        from tftrain.planning import measuring

        return measuring.overheads(scope=self.scope, steps=5 if self.quick else measuring.STEPS)

    def memory(self) -> dict[str, float]:
        """Highest resident bytes: before the model, of another small one, of the model itself."""
        before = status("VmRSS")
        small = self.highest(self.overheads)
        give_back()
        after = status("VmRSS")
        with self.scope():
            self.model = make_model(self.name)
        whole = self.highest(lambda: self.train(3))
        return {"before": after, "small": max(0, small - before), "whole": whole}

    def highest(self, act: Callable[[], object]) -> int:
        Path("/proc/self/clear_refs").write_text("5")  # the mark begins anew
        act()
        return status("VmHWM")

    def train(self, steps: int) -> list[float]:
        """Seconds of each step but the first."""
        from tftrain.keras_api import keras

        stamps: list[float] = []
        note = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: stamps.append(time.perf_counter())
        )
        rows = (steps + 1) * self.batch
        x = np.random.default_rng(0).random((rows, *self.model.input_shape[1:]), np.float32)
        y = np.random.default_rng(1).integers(0, 10, rows)
        options = {"batch_size": self.batch, "shuffle": False, "verbose": 0}
        self.model.fit(x, y, callbacks=[note], **options)
        return [float(seconds) for seconds in np.diff(stamps)]

    def steps(self, rate: int) -> list[float]:
        self.shape(rate)
        return self.train(3 if self.quick else STEPS.get(rate, 8) + 1)[1:]

    def exchange_rate(self) -> float:
        """Bytes a second of an all-reduce that no link limits: the slope between two sizes."""
        small, large = (self.all_reduce(numbers) for numbers in (2**18, 2**21))
        return 4 * (2**21 - 2**18) / max(1e-9, large - small)

    def exchange_copies(self) -> float:
        """Memory that an all-reduce takes, by the size of its tensor, without the tensor itself.

        What TensorFlow keeps of it is used again by what comes later: for a process of its own.
        """
        numbers = 2**22
        self.shape(UNLIMITED)
        self.all_reduce(2**10)
        before = status("VmRSS")
        # One after the other, as in a training, where the other process has time to let go of it.
        highest = self.highest(lambda: self.all_reduce(numbers, pause=0.1))
        return max(0.0, (highest - before) / 4 / numbers - 1)

    def all_reduce(self, numbers: int, pause: float = 0.0) -> float:
        from tftrain.keras_api import tf

        def summed() -> Any:
            tensor = tf.random.uniform([numbers])
            return tf.distribute.get_replica_context().all_reduce("SUM", tensor)[0]

        program = tf.function(lambda: self.strategy.run(summed), autograph=False)
        program()
        taken = []
        for _ in range(8):
            started = time.perf_counter()
            program()
            taken.append(time.perf_counter() - started)
            time.sleep(pause)
        return statistics.median(taken)
