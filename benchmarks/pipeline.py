"""Training in stages on this machine: equality, idle time, throughput, activations kept.

    python benchmarks/pipeline.py
    python benchmarks/pipeline.py --parts=equality,bubble --micro_batches=4
    python benchmarks/pipeline.py --quick    # its figures mean nothing

Stages are logical devices of the CPU, which share its cores, so nothing here says how fast GPUs
are. Each operation is given one thread, lest one stage compute on the other's core: what is then
measured is whether stages overlap as the schedule says. With fewer idle cores than stages passes
become longer, and waiting for a core counts as work.

- equality: largest difference of a weight from training on one device, after 50 steps of Adam.
- bubble: the share of the stages' time in which they wait, of one step without the optimizer; as
  measured, as passes of the measured lengths allow, and as equally long passes would.
- speed: examples a second of 2 stages beside one device with as many threads an operation as there
  are cores, in processes that take turns; median of the ratios.
- activations: growth of a process's largest resident memory while it trains a model of many
  activations and few weights.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import surroundings
from absl import app, flags

import tftrain
from tftrain.keras_api import keras, tf

PARTS = ("equality", "bubble", "speed", "activations")
ORDERS = ("1f1b", "gpipe")
STAGES = 2
QUICKLY = {"rounds": 1, "micro_batches": ["2"]}

CHOSEN = flags.DEFINE_list("parts", list(PARTS), f"of {', '.join(PARTS)}")
MICRO_BATCHES = flags.DEFINE_list("micro_batches", ["1", "2", "4", "8"], "of the parts bubble")
ROUNDS = flags.DEFINE_integer("rounds", 3, "of the part speed", lower_bound=1)
QUICK = flags.DEFINE_bool("quick", False, "one round of few rows: does it run?")
PICTURE = flags.DEFINE_string("picture", None, "where to draw the last 1F1B schedule of bubble")
TASK = flags.DEFINE_string("task", None, "a part in a process of its own; for this program only")

flags.register_validator(
    CHOSEN, lambda names: set(names) <= set(PARTS), f"expected some of {', '.join(PARTS)}"
)


def in_stages(micro_batches: int, order: str) -> Any:
    return tftrain.distribute.strategy(
        "pipeline", stages=STAGES, micro_batches=micro_batches, schedule=order
    )


def wide(scope: Any, layers: int = 8, units: int = 768) -> keras.Model:
    """Equal layers, so that stages are equally long."""
    keras.utils.set_random_seed(0)
    with scope:
        body = [keras.layers.Dense(units, "relu") for _ in range(layers)]
        model = keras.Sequential([keras.Input((units,)), *body])
        model.compile("adam", "mse")
    return model


def batch(rows: int, units: int = 768) -> np.ndarray:
    rows = 64 if QUICK.value else rows
    return np.random.default_rng(0).normal(size=(rows, units)).astype("float32")


def equality() -> dict[str, float]:
    """The largest difference of a weight, by order."""
    in_stages(4, ORDERS[0])  # fixes the devices
    splits = tftrain.data.load("digits")
    weights = {}
    for order in ("one", *ORDERS):
        strategy = in_stages(4, order) if order in ORDERS else tftrain.distribute.strategy("one")
        keras.utils.set_random_seed(0)
        with strategy.scope() if order in ORDERS else contextlib.nullcontext():
            model = tftrain.models.mlp(splits.info.shape, hidden=(64, 32), classes=10, dropout=0.2)
            model.compile("adam", "sparse_categorical_crossentropy")
        # 50 batches, the last of 7 rows: fewer than would fill the micro-batches evenly
        model.fit(
            splits.train.x[: 1000 - 18], splits.train.y[: 1000 - 18], batch_size=20, verbose=0
        )
        weights[order] = model.get_weights()
    return {order: largest(weights[order], weights["one"]) for order in ORDERS}


def largest(some: list[np.ndarray], others: list[np.ndarray]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(some, others, strict=True))


def bubble(order: str, micro_batches: str, picture: str = "") -> dict[str, float]:
    """Shares of the stages' time."""
    one_thread_an_operation()
    strategy = in_stages(int(micro_batches), order)
    x = batch(1024)
    schedule = strategy.schedule(wide(strategy.scope()), x, x, repeats=9)
    if picture:
        schedule.plot(picture)
    return {
        "ms": 1000 * schedule.seconds,
        "measured": schedule.bubble,
        "of these passes": schedule.balance_bubble,
        "ideal": schedule.ideal_bubble,
    }


def speed(place: str) -> dict[str, float]:
    """Examples a second of `fit`."""
    if place == "one":
        scope = contextlib.nullcontext()
    else:
        one_thread_an_operation()
        scope = in_stages(8, place).scope()
    model, x = wide(scope), batch(4096)
    model.fit(x, x, batch_size=1024, verbose=0)
    begin = time.perf_counter()
    model.fit(x, x, batch_size=1024, epochs=2, verbose=0)
    return {"examples_per_second": 2 * len(x) / (time.perf_counter() - begin)}


def activations(order: str) -> dict[str, float]:
    """MiB by which memory grows."""
    strategy = in_stages(8, order)
    model, x = wide(strategy.scope(), layers=16, units=128), batch(65536, 128)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model.fit(x, x, batch_size=len(x), epochs=2, verbose=0)
    return {"MiB": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024}


def one_thread_an_operation() -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)


TASKS = {"equality": equality, "bubble": bubble, "speed": speed, "activations": activations}


def measured(*task: str) -> dict[str, float]:
    """What a part gives in a process of its own: devices and threads are fixed in each."""
    command = [sys.executable, __file__, f"--task={','.join(task)}", f"--quick={QUICK.value}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr or f"{task} ended with {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def run_equality() -> dict[str, Any]:
    found = measured("equality")
    for order, difference in found.items():
        print(f"equality     {order:5}  largest difference after 50 steps {difference:.1e}")
    return found


def run_bubble() -> dict[str, Any]:
    print(f"bubble       order  M  ms a step  measured  of these passes  ideal  ({STAGES} stages)")
    results = {}
    for count in MICRO_BATCHES.value:
        for order in ORDERS:
            drawn = [PICTURE.value] if PICTURE.value and order == "1f1b" else []
            found = results[f"{order} {count}"] = measured("bubble", order, count, *drawn)
            print(
                f"             {order:5}  {count}  {found['ms']:9.1f}  {found['measured']:8.0%}"
                f"  {found['of these passes']:15.0%}  {found['ideal']:5.0%}",
                flush=True,
            )
    return results


def run_speed() -> dict[str, Any]:
    ratios: dict[str, list[float]] = {order: [] for order in ORDERS}
    for _ in range(ROUNDS.value):
        alone = measured("speed", "one")["examples_per_second"]
        for order in ORDERS:
            ratios[order].append(measured("speed", order)["examples_per_second"] / alone)
    found = {order: statistics.median(each) for order, each in ratios.items()}
    for order, ratio in found.items():
        each = ", ".join(f"{one:.2f}" for one in ratios[order])
        print(f"speed        {order:5}  {ratio:.2f} times one device ({each})")
    return found


def run_activations() -> dict[str, Any]:
    found = {order: measured("activations", order)["MiB"] for order in ORDERS}
    for order, grown in found.items():
        print(f"activations  {order:5}  {grown:,.0f} MiB, 8 micro-batches")
    return found


RUNS = {
    "equality": run_equality,
    "bubble": run_bubble,
    "speed": run_speed,
    "activations": run_activations,
}


def main(_: list[str]) -> None:
    if TASK.value:
        name, *arguments = TASK.value.split(",")
        print(json.dumps(TASKS[name](*arguments)))
        return
    if QUICK.value:
        for name, value in QUICKLY.items():
            setattr(flags.FLAGS, name, value)
    results = {part: RUNS[part]() for part in PARTS if part in CHOSEN.value}
    settings = {flag.name: flag.value for flag in (MICRO_BATCHES, ROUNDS, QUICK)}
    document = {"benchmark": "pipeline", "stages": STAGES, **settings, "results": results}
    print(json.dumps(document | surroundings.describe(["tensorflow", "keras"])))


if __name__ == "__main__":
    app.run(main)
