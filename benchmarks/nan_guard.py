"""Target: `NanGuard` costs under 2% of a step's time; met but for large dense layers, where it
is up to 11% (docs/how-to/survive-bad-steps.md). The peers: Keras's `TerminateOnNaN`, which
looks at the loss after every batch and ends the training when all weights are NaN already, and
`tf.debugging.enable_check_numerics`, which looks at the output of every operation.

    python benchmarks/nan_guard.py --data_dir=FOLDER      # with mnist.npz; made data without it
    python benchmarks/nan_guard.py --only=mlp --engines=fused_epoch_xla --epochs=80

The fits of a row run in one process, each in a thread of its own, and take turns epoch by epoch,
short epochs, so that whatever else the machine does meets all of them. `nothing` is there twice:
the second one's ratio to the first is what such a figure is uncertain by.

- Wall: the median of the ratios to `nothing` within a round, and their quartiles.
- CPU: the same of the process's time on all cores, which programs beside it disturb less.
"""

from __future__ import annotations

import dataclasses
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import surroundings
from absl import app, flags

import tftrain
from tftrain.callbacks import NanGuard
from tftrain.keras_api import keras, tf

BATCH = 128
WARM = 2  # epochs not counted: tracing, the first touch of memory
NAMES = ("mlp", "cnn", "10M")
ENGINES = ("keras", "fused_epoch", "fused_epoch_xla")

DATA_DIR = flags.DEFINE_string("data_dir", None, "folder with mnist.npz; without it, made data")
ONLY = flags.DEFINE_multi_enum("only", NAMES, NAMES, "models to measure")
USED = flags.DEFINE_list("engines", ["keras", "fused_epoch"], f"of {', '.join(ENGINES)}")
EPOCHS = flags.DEFINE_integer("epochs", 40, "of each fit", lower_bound=WARM + 2)

flags.register_validator(
    USED, lambda names: set(names) <= set(ENGINES), f"expected some of {', '.join(ENGINES)}"
)
flags.register_validator(
    DATA_DIR,
    lambda folder: folder is None or Path(folder, "mnist.npz").exists(),
    "expected a folder with mnist.npz; leave it out for made data",
)


@dataclasses.dataclass(frozen=True)
class Program:
    """A way to fit: its callbacks, and whether operations are checked one by one."""

    callbacks: Callable[[], list[Any]] = list
    check_numerics: bool = False
    engines: tuple[str, ...] = ENGINES


PROGRAMS = {
    "nothing": Program(),
    "nothing again": Program(),
    "NanGuard": Program(lambda: [NanGuard()]),
    "NanGuard, spikes too": Program(lambda: [NanGuard(spike=100.0)]),
    "TerminateOnNaN": Program(lambda: [keras.callbacks.TerminateOnNaN()], engines=("keras",)),
    "check_numerics": Program(check_numerics=True, engines=("keras",)),
}


class Turns:
    """Lets several threads go on one after the other."""

    def __init__(self, count: int) -> None:
        self._count, self._next = count, 0
        self._condition = threading.Condition()

    def wait(self, number: int) -> None:
        """Returns when it is this one's turn."""
        with self._condition:
            self._condition.wait_for(lambda: self._next % self._count == number)

    def pass_on(self) -> None:
        """Gives the turn to the next."""
        with self._condition:
            self._next += 1
            self._condition.notify_all()


class Timer(keras.callbacks.Callback):
    """Times each epoch by wall and by CPU, and waits for its turn in between."""

    needs_every_batch = False

    def __init__(self, turns: Turns, number: int) -> None:
        super().__init__()
        self._turns, self._number = turns, number
        self.seconds: list[tuple[float, float]] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._turns.wait(self._number)
        self._began = time.perf_counter(), time.process_time()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        wall, cpu = self._began
        self.seconds.append((time.perf_counter() - wall, time.process_time() - cpu))
        self._turns.pass_on()


def make_model(name: str) -> keras.Model:
    """An MLP and a CNN for MNIST, and an MLP of 10 million parameters."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    dense = {"mlp": [128], "cnn": [], "10M": [2688, 2688, 256]}[name]
    body = [layers.Flatten()]
    if name == "cnn":
        body = [layers.Reshape((28, 28, 1))]
        for filters in (16, 32):
            body += [layers.Conv2D(filters, 3, activation="relu"), layers.MaxPooling2D()]
        body += [layers.Flatten()]
    body += [layers.Dense(units, "relu") for units in dense]
    model = keras.Sequential([keras.Input((28, 28)), *body, layers.Dropout(0.2), layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


def read_data(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures float32 `[steps * BATCH, 28, 28]` and labels."""
    rows = steps * BATCH
    if DATA_DIR.value:
        with np.load(Path(DATA_DIR.value, "mnist.npz")) as file:
            return file["x_train"][:rows].astype("float32") / 255, file["y_train"][:rows]
    random = np.random.default_rng(0)
    return random.random((rows, 28, 28), "float32"), random.integers(0, 10, rows)


def measure(model: str, engine: str) -> dict[str, dict[str, Any]]:
    """The figures of all programs, by name."""
    steps = {"mlp": 40, "cnn": 10, "10M": 4}[model]
    data = read_data(steps)
    programs = {name: each for name, each in PROGRAMS.items() if engine in each.engines}
    turns = Turns(len(programs))
    timers = {name: Timer(turns, number) for number, name in enumerate(programs)}

    def fit(name: str) -> None:
        if programs[name].check_numerics:
            tf.debugging.enable_check_numerics()  # concerns the thread that calls it
        callbacks = [timers[name], *programs[name].callbacks()]
        given = {"batch_size": BATCH, "epochs": EPOCHS.value, "verbose": 0, "callbacks": callbacks}
        tftrain.fit(make_model(model), *data, engine=engine, seed=0, **given)

    threads = [threading.Thread(target=fit, args=(name,), daemon=True) for name in programs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    epochs = {name: np.array(timer.seconds[WARM:]) for name, timer in timers.items()}
    return {name: figures(each, epochs["nothing"], steps) for name, each in epochs.items()}


def figures(epochs: np.ndarray, base: np.ndarray, steps: int) -> dict[str, Any]:
    """Of epochs `[epochs, 2]`, wall and CPU seconds, beside those without a guard."""
    wall, cpu = (epochs / base).T
    quartiles = np.quantile(wall, [0.25, 0.75])
    return {
        "step_ms": round(float(np.median(epochs[:, 0])) / steps * 1e3, 3),
        "wall": round(float(np.median(wall)), 3),
        "wall_quartiles": [round(float(each), 3) for each in quartiles],
        "cpu": round(float(np.median(cpu)), 3),
        "cpu_quartiles": [round(float(each), 3) for each in np.quantile(cpu, [0.25, 0.75])],
    }


def row(model: str, engine: str, name: str, of: dict[str, Any]) -> str:
    """A line of the table."""
    wall, cpu = (
        f"{of[key]:6.3f} ({low:.3f}-{high:.3f})"
        for key in ("wall", "cpu")
        for low, high in [of[f"{key}_quartiles"]]
    )
    return f"{model:4} {engine:16} {name:21} {of['step_ms']:9.3f}  {wall}  {cpu}"


def main(_: list[str]) -> None:
    results: dict[str, Any] = {}
    print(f"{'':43} {'ms a step':>9}  {'wall, ratio':>21}  {'CPU, ratio':>21}")
    for model in ONLY.value:
        for engine in USED.value:
            results[f"{model} {engine}"] = measure(model, engine)
            for name, of in results[f"{model} {engine}"].items():
                print(row(model, engine, name, of), flush=True)
    document = {
        "benchmark": "nan_guard",
        "epochs": EPOCHS.value,
        "batch": BATCH,
        "data": "mnist" if DATA_DIR.value else "made",
        "results": results,
        **surroundings.describe(["tensorflow", "keras", "numpy"]),
    }
    print(json.dumps(document))


if __name__ == "__main__":
    app.run(main)
