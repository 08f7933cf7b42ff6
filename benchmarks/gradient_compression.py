"""Targets: at 100 Mbit/s at least 8 times the uncompressed steps per second for a perceptron of a
million parameters with top-k or PowerSGD; a final accuracy within 0.5 points of uncompressed (mean
of three seeds); PowerSGD of rank 4 sends at most 5% of the bytes. Results:
docs/how-to/compress-gradients.md.

    python benchmarks/gradient_compression.py --data_dir=DIR    # as root; about half an hour
    python benchmarks/gradient_compression.py --quick           # its figures mean nothing

Speed: two workers in two network namespaces that a veth pair joins, each side's sending shaped by
`tc` (a token bucket; no delay is added). One job measures all codecs at all rates, round after
round. A figure is the median of rounds, in steps a second of the chief; bytes are those that both
interfaces have sent, with headers, acknowledgements and all else that TensorFlow says. Everything
lies in namespaces that end with this program, however it ends.

Accuracy: the same codecs on MNIST in DIR (without it, on scikit-learn's digits), on two logical
CPUs under MirroredStrategy instead of two workers: the arithmetic is the same, as
tests/distribute/test_gradient_codecs.py shows, and no network is waited for.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import comparison
import network
import numpy as np
import surroundings
from absl import app, flags

CODECS = ("none", "bf16", "fp16", "int8", "topk:0.01", "powersgd:4")
STEPS = {1000: 60, 100: 30, 10: 6}  # measured, by the link's Mbit/s
TARGETS = {"times faster at 100 Mbit/s": 8.0, "points of accuracy": 0.5, "share of bytes": 0.05}
PACKAGES = ("tensorflow", "keras", "numpy")
HIDDEN = (1024, 200)

DATA_DIR = flags.DEFINE_string("data_dir", None, "folder with mnist.npz; without it, the digits")
ONLY = flags.DEFINE_multi_enum("only", [*CODECS], [*CODECS], "codecs to measure")
RATES = flags.DEFINE_multi_integer("rate", [*STEPS], "Mbit/s of the link")
ROUNDS = flags.DEFINE_integer("rounds", 3, "of the measurement of speed", lower_bound=0)
SEEDS = flags.DEFINE_integer("seeds", 3, "trainings a codec for accuracy", lower_bound=0)
EPOCHS = flags.DEFINE_integer("epochs", 5, "of these trainings", lower_bound=1)
BATCH = flags.DEFINE_integer("batch", 128, "examples in a global batch", lower_bound=2)
WARMUP = flags.DEFINE_integer("warmup", 100, "steps sent whole, for accuracy", lower_bound=0)
QUICK = flags.DEFINE_bool("quick", False, "one round, one seed, one epoch: does it run?")
PLOT = flags.DEFINE_string("plot", None, "where to write a picture (.png)")
PART = flags.DEFINE_enum("part", None, ["network", "worker", "accuracy"], "(internal) be a part")
REPORT = flags.DEFINE_string("report", None, "(internal) where the part writes")


def make_model(strategy: Any, shape: tuple[int, ...], codec: str, warmup: int = 0) -> Any:
    import tftrain
    from tftrain.keras_api import keras

    with strategy.scope():
        model = tftrain.models.mlp(shape, hidden=HIDDEN, classes=10)
        optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
        optimizer = tftrain.optim.compress_gradients(optimizer, codec, warmup_steps=warmup)
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def be_worker() -> None:
    """Measures every codec at every rate, round by round, in step with the other worker."""
    import tftrain
    from tftrain.keras_api import keras

    strategy = tftrain.distribute.strategy("multiworker", peer_timeout=120)
    models = {codec: make_model(strategy, (28, 28, 1), codec) for codec in ONLY.value}
    x = np.random.default_rng(0).random(
        (BATCH.value * (2 + max(STEPS.values())), 28, 28, 1), np.float32
    )
    y = np.random.default_rng(1).integers(0, 10, len(x))

    stamps: list[tuple[float, int]] = []

    class Stamps(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            stamps.append((time.perf_counter(), network.sent_bytes(network.LINK)))

    def train(model: Any, steps: int) -> None:
        stamps.clear()
        rows = steps * BATCH.value
        options = {"batch_size": BATCH.value, "shuffle": False, "verbose": 0}
        model.fit(x[:rows], y[:rows], callbacks=[Stamps()], **options)

    measured = []
    network.shape(10_000)
    for model in models.values():
        train(model, 3)  # traces
    for number in range(ROUNDS.value):
        for rate in RATES.value:
            network.shape(rate)
            for codec, model in models.items():
                steps = 2 if QUICK.value else STEPS.get(rate, 10)
                train(model, steps + 2)
                (started, before), (ended, after) = stamps[1], stamps[-1]  # the first warms up
                one = {"round": number, "rate": rate, "codec": codec, "steps": steps}
                one |= {"seconds": ended - started, "bytes": (after - before) / steps}
                one |= {"parameters": int(model.count_params()), "payload": payload(model)}
                measured.append(one)
                if REPORT.value.endswith("0"):
                    print(f"{rate} Mbit/s, {codec}: {steps / (ended - started):.2f} steps/s")
    Path(REPORT.value).write_text(json.dumps(measured))


def payload(model: Any) -> int:
    """Bytes of gradients that a replica contributes, counted from their shapes."""
    compression = getattr(model.optimizer, "gradient_compression", None)
    return 4 * model.count_params() if compression is None else compression.bytes_at(0)


def be_network() -> None:
    """In namespaces of its own: makes two hosts, starts a worker on each."""
    network.make_hosts()
    workers = [start_worker(number) for number in (0, 1)]
    statuses = [worker.wait() for worker in workers]
    sys.exit(max(map(abs, statuses)))


def start_worker(number: int) -> subprocess.Popen[bytes]:
    config = {"cluster": {"worker": [f"{address}:2222" for address in network.ADDRESSES]}}
    config |= {"task": {"type": "worker", "index": number}}
    command = ["ip", "netns", "exec", f"host{number}", sys.executable, __file__, "--part=worker"]
    report = f"{REPORT.value}-{number}"
    with open(f"{report}.log", "wb") as log:
        return subprocess.Popen(
            [*command, *settings(), f"--report={report}"],
            env={**os.environ, "TF_CONFIG": json.dumps(config), "PYTHONUNBUFFERED": "1"},
            stdout=sys.stderr,
            stderr=log,
        )


def settings() -> list[str]:
    """The flags that a part shares with the whole."""
    given = ["--verbosity=-1", *(f"--only={codec}" for codec in ONLY.value)]
    given += [f"--rate={rate}" for rate in RATES.value]
    for name in ("rounds", "seeds", "epochs", "batch", "warmup", "quick", "data_dir"):
        if flags.FLAGS[name].value is not None:
            given.append(f"--{name}={flags.FLAGS[name].value}")
    return given


def be_accuracy() -> None:
    """Trains with every codec and seed, on two logical CPUs."""
    import tftrain
    from tftrain.keras_api import keras

    strategy = tftrain.distribute.strategy("mirrored", devices=2)
    name = "mnist" if DATA_DIR.value else "digits"
    splits = tftrain.data.load(name, data_dir=DATA_DIR.value, validation=0)
    results: dict[str, list[float]] = {codec: [] for codec in ONLY.value}
    for seed in range(SEEDS.value):
        for codec in ONLY.value:
            keras.utils.set_random_seed(seed)
            model = make_model(strategy, splits.info.shape, codec, WARMUP.value)
            train = splits.train
            model.fit(train.x, train.y, batch_size=BATCH.value, epochs=EPOCHS.value, verbose=0)
            _, accuracy = model.evaluate(splits.test.x, splits.test.y, batch_size=500, verbose=0)
            results[codec].append(accuracy)
            print(f"seed {seed}, {codec}: {accuracy:.4f}", file=sys.stderr)
    Path(REPORT.value).write_text(json.dumps({"dataset": name, "accuracy": results}))


def run_part(part: str, prefix: list[str], report: Path) -> None:
    """Runs this file as a part, with what it prints to the error stream passed on."""
    environ = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
    environ |= {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [*prefix, sys.executable, __file__, f"--part={part}", f"--report={report}"]
    with subprocess.Popen([*command, *settings()], env=environ) as process:
        try:
            status = process.wait()
        except BaseException:
            process.kill()  # the namespaces, and all in them, go with it
            raise
    if status:
        logs = [log.read_text(errors="replace")[-3000:] for log in report.parent.glob("*.log")]
        raise RuntimeError("\n".join([f"the part {part!r} ended with {status}", *logs]))


def measured_speed(folder: Path) -> list[dict[str, Any]]:
    """The chief's measurements, each with the bytes of both interfaces."""
    run_part("network", network.OWN_NAMESPACES, folder / "speed")
    chief, other = (json.loads((folder / f"speed-{number}").read_text()) for number in (0, 1))
    return [
        {**one, "bytes": one["bytes"] + two["bytes"]} for one, two in zip(chief, other, strict=True)
    ]


def summary(speed: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, float]]]:
    """By rate and codec: medians over rounds, and how they compare with uncompressed."""
    rates: dict[str, dict[str, dict[str, float]]] = {}
    for one in speed:
        rates.setdefault(str(one["rate"]), {}).setdefault(one["codec"], {})
    for rate, of_rate in rates.items():
        for codec in of_rate:
            own = [one for one in speed if (str(one["rate"]), one["codec"]) == (rate, codec)]
            paces = [one["steps"] / one["seconds"] for one in own]
            of_rate[codec] = {
                **comparison.spread("steps_per_second", paces),
                "bytes_per_step": statistics.median(one["bytes"] for one in own),
                "payload": own[0]["payload"],
            }
        if "none" in of_rate:
            whole = of_rate["none"]
            for of in of_rate.values():
                of["times_faster"] = of["steps_per_second"] / whole["steps_per_second"]
                of["share_of_bytes"] = of["bytes_per_step"] / whole["bytes_per_step"]
    return rates


def speed_table(rates: dict[str, dict[str, dict[str, float]]]) -> str:
    lines = [
        "| link | codec | steps/s, median | least - most | times uncompressed "
        "| bytes sent a step, both workers | share | payload, both workers |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for rate, codecs in rates.items():
        for codec, of in codecs.items():
            lines.append(
                f"| {rate} Mbit/s | `{codec}` | {of['steps_per_second']:.2f} "
                f"| {of['least']:.2f} - {of['most']:.2f} | {of.get('times_faster', 1):.1f} "
                f"| {of['bytes_per_step']:,.0f} | {of.get('share_of_bytes', 1):.1%} "
                f"| {2 * of['payload']:,} |"
            )
    return "\n".join(lines)


def accuracy_table(accuracy: dict[str, list[float]]) -> str:
    lines = [
        "| codec | test accuracy, mean | seeds | points from uncompressed |",
        "|---|---|---|---|",
    ]
    for codec, values in accuracy.items():
        mean = statistics.mean(values)
        seeds = ", ".join(f"{value:.4f}" for value in values)
        apart = mean - statistics.mean(accuracy.get("none", values))
        lines.append(f"| `{codec}` | {mean:.4f} | {seeds} | {100 * apart:+.2f} |")
    return "\n".join(lines)


def draw(rates: dict[str, dict[str, dict[str, float]]], path: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    codecs = list(next(iter(rates.values())))
    for number, codec in enumerate(codecs):
        heights = [of_rate[codec]["steps_per_second"] for of_rate in rates.values()]
        places = np.arange(len(rates)) + (number - (len(codecs) - 1) / 2) * 0.14
        bars = axes.bar(places, heights, width=0.13, label=codec)
        axes.bar_label(bars, [f"{height:.2g}" for height in heights], fontsize=7)
    axes.set_yscale("log")
    axes.set_xticks(range(len(rates)), [f"{rate} Mbit/s" for rate in rates])
    axes.set_ylabel("steps a second")
    axes.set_title("Two workers, a perceptron of a million parameters")
    figure.legend(title="codec", ncols=len(codecs), fontsize=8, loc="outside lower center")
    axes.margins(y=0.1)
    figure.savefig(path, dpi=120)


def compare() -> None:
    if QUICK.value:
        flags.FLAGS.rounds, flags.FLAGS.seeds = min(1, ROUNDS.value), min(1, SEEDS.value)
        flags.FLAGS.epochs = 1
    if ROUNDS.value and os.geteuid() != 0:
        raise app.UsageError("needs root: it makes network namespaces (--rounds=0 does without)")
    document: dict[str, Any] = {"benchmark": "gradient_compression", "hidden": HIDDEN}
    with tempfile.TemporaryDirectory() as folder:
        if ROUNDS.value:
            document["speed"] = summary(measured_speed(Path(folder)))
            print(speed_table(document["speed"]) + "\n")
        if SEEDS.value:
            run_part("accuracy", [], Path(folder, "accuracy"))
            document |= json.loads(Path(folder, "accuracy").read_text())
            print(accuracy_table(document["accuracy"]) + "\n")
    if PLOT.value and ROUNDS.value:
        draw(document["speed"], PLOT.value)
    names = ("rounds", "seeds", "epochs", "batch", "warmup", "quick")
    document |= {name: flags.FLAGS[name].value for name in names}
    print(json.dumps({**document, "targets": TARGETS, **surroundings.describe(PACKAGES)}))


def main(_: list[str]) -> None:
    parts: dict[str | None, Callable[[], None]]
    parts = {"network": be_network, "worker": be_worker, "accuracy": be_accuracy, None: compare}
    parts[PART.value]()


if __name__ == "__main__":
    app.run(main)
