"""Targets: 50 steps of Adam on a mesh equal those on one device to 1e-5; each device holds at most
1/N + 5% of the bytes that are cut, optimizer included.

    python benchmarks/tensor_parallel.py              # about two minutes on two cores
    python benchmarks/tensor_parallel.py --quick      # its figures mean nothing

Four models (perceptron, convolutions, embedding, attention) on meshes of logical CPUs. Equality
is that of all weights and of the predictions; bytes are those of the shards that the devices hold.
Beside it stands what rounding alone comes to: one device, whose first weights are the next larger
floating-point numbers. Where a rounding can decide on which side of its kink a ReLU is, as in the
last row, Adam makes steps of that, and nothing but the very same operations in the same order
stays close.
Mirrored replicas are further away where there is BatchNormalization: unless it is synchronized,
each takes the statistics of its own part of the batch, a mesh those of the whole.
Step times are medians of rounds, in turns with one device and with MirroredStrategy on two; the
devices share the cores of the machine: they show what the division costs, not what it gains.

Keras's own distribution for TensorFlow is tried too: what it says is printed.
"""

from __future__ import annotations

import contextlib
import functools
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import surroundings
from absl import app, flags, logging

import tftrain
from tftrain.keras_api import keras
from tftrain.text_tables import aligned

TOLERANCE, SLACK = 1e-5, 0.05
MESHES = ((1, 2), (2, 1), (2, 2))
BATCH = 32
KINKED = "convolutions, ReLU"
ROUNDED = "one device, rounded"

QUICK = flags.DEFINE_bool("quick", False, "one model, few steps: does it run?")
STEPS = flags.DEFINE_integer("steps", 50, "of Adam", lower_bound=1)
ROUNDS = flags.DEFINE_integer("rounds", 5, "of the measurement of time", lower_bound=1)


def perceptron() -> Any:
    layers = [keras.layers.Dense(256, "relu"), keras.layers.Dense(10)]
    return keras.Sequential([keras.Input((64,)), *layers])


def convolutions(activation: str = "gelu") -> Any:
    return keras.Sequential(
        [
            keras.Input((8, 8, 4)),
            keras.layers.Conv2D(16, 3, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.Activation(activation),
            keras.layers.Conv2D(32, 3, activation=activation),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(10),
        ]
    )


def embedding() -> Any:
    layers = [keras.layers.Embedding(400, 32), keras.layers.GlobalAveragePooling1D()]
    return keras.Sequential([keras.Input((8,)), *layers, keras.layers.Dense(10)])


def attention() -> Any:
    inputs = keras.Input((8, 16))
    # Biases of keys have no gradient but rounding, which Adam would make steps of.
    x = keras.layers.MultiHeadAttention(4, 8, use_bias=False)(inputs, inputs)
    x = keras.layers.LayerNormalization()(inputs + x)
    x = keras.layers.Dense(16)(keras.layers.Dense(64, "gelu")(x)) + x
    return keras.Model(inputs, keras.layers.Dense(10)(keras.layers.GlobalAveragePooling1D()(x)))


MODELS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "perceptron": (perceptron, (64,)),
    "convolutions": (convolutions, (8, 8, 4)),
    "embedding": (embedding, (8,)),
    "attention": (attention, (8, 16)),
    KINKED: (functools.partial(convolutions, "relu"), (8, 8, 4)),
}


def data(name: str) -> tuple[np.ndarray, np.ndarray]:
    random, shape = np.random.default_rng(0), (BATCH * STEPS.value, *MODELS[name][1])
    y = random.integers(0, 10, shape[0])
    if name == "embedding":
        return random.integers(0, 400, shape), y
    return random.normal(size=shape).astype("float32"), y


def built(name: str, strategy: Any = None) -> Any:
    keras.utils.set_random_seed(0)
    with strategy.scope() if strategy else contextlib.nullcontext():
        model = MODELS[name][0]()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(0.01), loss)
    return model


def rounded_up(name: str) -> Any:
    """The model with every weight the next larger number."""
    model = built(name)
    model.set_weights([np.nextafter(w, np.float32(np.inf)) for w in model.get_weights()])
    return model


def train(model: Any, name: str) -> float:
    """Seconds a step, the tracing of the first among them if it is the first time."""
    x, y = data(name)
    begin = time.perf_counter()
    model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0)
    return (time.perf_counter() - begin) / STEPS.value


def difference(one: Any, other: Any, x: np.ndarray) -> float:
    pairs = [*zip(one.get_weights(), other.get_weights(), strict=True)]
    pairs.append((one.predict(x, verbose=0), other.predict(x, verbose=0)))
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def measured(name: str, strategies: dict[str, Any]) -> dict[str, dict[str, float]]:
    """For each strategy the difference from one device, its share of bytes, milliseconds a step."""
    models = {}
    for where, strategy in strategies.items():
        tftrain.distribute.strategy("one")
        models[where] = built(name, strategy)
        train(models[where], name)
    tftrain.distribute.strategy("one")
    rounded = rounded_up(name)
    train(rounded, name)
    x = data(name)[0][:BATCH]
    rows: dict[str, dict[str, float]] = {where: {} for where in strategies}
    for where, strategy in strategies.items():
        rows[where]["difference"] = difference(models["one device"], models[where], x)
        if hasattr(strategy, "memory"):
            rows[where]["share"] = strategy.memory(models[where]).largest_share
    rows[ROUNDED] = {"difference": difference(models["one device"], rounded, x)}
    times = {where: [] for where in strategies}
    for _ in range(ROUNDS.value):
        for where in strategies:
            times[where].append(1000 * train(models[where], name))
    for where in strategies:
        rows[where]["ms"] = statistics.median(times[where])
    return rows


def keras_on_its_own() -> str:
    """What Keras's own model parallelism says on this backend."""
    try:
        mesh = keras.distribution.DeviceMesh((1, 2), ("batch", "model"), ["cpu:0", "cpu:1"])
        layout = keras.distribution.LayoutMap(mesh)
        layout[".*kernel"] = (None, "model")
        with keras.distribution.ModelParallel(layout_map=layout).scope():
            model = built("perceptron")
            train(model, "perceptron")
        return f"its kernels are {type(model.layers[0].kernel.value).__name__}, whole on one device"
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def meshes() -> dict[str, Any]:
    def mesh(batch: int, model: int) -> Any:
        return tftrain.distribute.strategy(
            "model_parallel", mesh={"batch": batch, "model": model}, layout="auto"
        )

    mesh(2, 2)  # the CPU is split once
    return {f"mesh {batch}x{model}": mesh(batch, model) for batch, model in MESHES}


def main(_: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)  # TensorFlow tells of every all-reduce
    if QUICK.value:
        flags.FLAGS.steps, flags.FLAGS.rounds = 2, 1
    strategies = {"one device": None, **meshes()}
    strategies["mirrored 2"] = tftrain.distribute.strategy("mirrored", devices=2)
    figures = {}
    for name in list(MODELS)[: 1 if QUICK.value else None]:
        figures[name] = measured(name, strategies)
    lines = [("model", "where", "difference", "share of cut bytes", "ms a step")]
    for name, rows in figures.items():
        for where, row in rows.items():
            share = f"{row['share']:.1%}" if "share" in row else ""
            milliseconds = f"{row['ms']:.2f}" if "ms" in row else ""
            lines.append((name, where, f"{row['difference']:.1e}", share, milliseconds))
    print(aligned(lines, left=2))
    print(f"Keras's own ModelParallel on TensorFlow: {keras_on_its_own()}")
    smooth = [rows for name, rows in figures.items() if name != KINKED]
    cut = [row for rows in smooth for row in rows.values() if "share" in row]
    halves = [rows[where]["share"] for rows in figures.values() for where in rows if "x2" in where]
    reached = {
        "equal": all(row["difference"] <= TOLERANCE for row in cut),
        "share": all(share <= 1 / 2 + SLACK for share in halves),
    }
    print(json.dumps({"figures": figures, "reached": reached}
                     | surroundings.describe(("tensorflow", "keras", "numpy"))))  # fmt: skip


if __name__ == "__main__":
    app.run(main)
