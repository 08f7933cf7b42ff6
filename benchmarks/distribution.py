"""Target: Keras 3's `fit`, repaired by tftrain, is at least as fast as tf_keras's `fit` under the
same strategy (ratio 0.95 or more), and sends no more bytes. Results: docs/speed-distribution.md.

    python benchmarks/distribution.py            # about a quarter of an hour on two cores
    python benchmarks/distribution.py --quick    # about a minute; its figures mean nothing

Same model, data, global batch and optimizer in both programs, each job in processes of its own,
the two programs in alternating order. A job's figure is the median of its epochs without the first,
from the end of one epoch to the end of the next, in steps a second of the chief. Of all jobs alike
the table gives the median and the spread.

Under several workers tf_keras asks all of them before every step whether data are left, unless the
data have no end: `--endless` compares the two where it need not.

Bytes: where `unshare` may make one, each job has a network namespace of its own, in which nothing
but the job uses the loopback interface; its transmitted bytes (headers and acknowledgements
included, all workers together) are read at the ends of epochs. Elsewhere the machine's own
loopback interface is read, and the table says so: then other programs' traffic counts too.
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

SETTINGS = {"1 worker": 1, "2 workers": 2, "mirrored, 2 CPUs": 0}  # 0: no cluster
PROGRAMS = ("tftrain", "tf_keras")
PACKAGES = ("tensorflow", "keras", "tf_keras", "numpy")
RECORDED = ("model", "batch", "steps", "epochs", "endless")
TARGET = 0.95
LIMIT_SECONDS = 300.0

MODEL = flags.DEFINE_enum("model", "mlp", ["mlp", "cnn"], "784-128-10, or two convolutions")
BATCH = flags.DEFINE_integer("batch", 64, "examples in a global batch", lower_bound=2)
STEPS = flags.DEFINE_integer("steps", 200, "in an epoch", lower_bound=1)
EPOCHS = flags.DEFINE_integer("epochs", 5, "measured in a job", lower_bound=1)
ROUNDS = flags.DEFINE_integer("rounds", 5, "jobs of each program and setting", lower_bound=1)
ONLY = flags.DEFINE_multi_enum("only", [*SETTINGS], [*SETTINGS], "settings to measure")
QUICK = flags.DEFINE_bool("quick", False, "one round, one epoch, 20 steps: does it run?")
ENDLESS = flags.DEFINE_bool(
    "endless", False, "repeat the data and count the steps: saves tf_keras an exchange a step"
)
PROGRAM = flags.DEFINE_enum("program", None, PROGRAMS, "(internal) be a process of a job")
REPORT = flags.DEFINE_string("report", None, "(internal) where that process writes")


def make_dataset(tf: Any) -> Any:
    """Batches of random pictures: what is measured does not depend on what is in them."""
    random = np.random.default_rng(0)
    x = random.random((STEPS.value * BATCH.value, 28, 28, 1), np.float32)
    y = random.integers(0, 10, len(x))
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH.value, drop_remainder=True)
    dataset = dataset.repeat() if ENDLESS.value else dataset
    return dataset.with_options(options).prefetch(tf.data.AUTOTUNE)


def make_model(keras: Any) -> Any:
    layers = keras.layers
    body = {
        "mlp": lambda: [
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.2),
        ],
        "cnn": lambda: [
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
        ],
    }[MODEL.value]()
    model = keras.Sequential(
        [keras.Input((28, 28, 1)), *body, layers.Dense(10, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def load_tftrain() -> tuple[Any, Any, Any]:
    import tftrain
    from tftrain.keras_api import keras, tf

    in_cluster = "TF_CONFIG" in os.environ
    options = {} if in_cluster else {"devices": 2}
    name = "multiworker" if in_cluster else "mirrored"
    return tf, keras, tftrain.distribute.strategy(name, **options)


def load_tf_keras() -> tuple[Any, Any, Any]:
    import tensorflow as tf
    import tf_keras

    if "TF_CONFIG" in os.environ:
        return tf, tf_keras, tf.distribute.MultiWorkerMirroredStrategy()
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    return tf, tf_keras, tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def train() -> None:
    """What a process of a job does; the chief reports."""
    tf, keras, strategy = {"tftrain": load_tftrain, "tf_keras": load_tf_keras}[PROGRAM.value]()
    with strategy.scope():
        model = make_model(keras)
    stamps = []

    class Stamps(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            stamps.append((time.perf_counter(), network.sent_bytes("lo")))

    # One epoch to trace and warm up; its end is the first stamp.
    model.fit(
        make_dataset(tf),
        epochs=EPOCHS.value + 1,
        steps_per_epoch=STEPS.value if ENDLESS.value else None,
        verbose=0,
        callbacks=[Stamps()],
    )
    task = json.loads(os.environ.get("TF_CONFIG", '{"task": {"index": 0}}'))["task"]
    if task["index"] == 0:
        times, sent = (np.diff(column) for column in zip(*stamps, strict=True))
        report = {
            "steps_per_second": STEPS.value / statistics.median(times),
            "bytes_per_step": (sum(sent) / (len(sent) * STEPS.value)).item(),
            "replicas": strategy.num_replicas_in_sync,
            "parameters": int(model.count_params()),
            "updates": int(model.optimizer.iterations.numpy()),
        }
        Path(REPORT.value).write_text(json.dumps(report))


def run_job(program: str, workers: int, prefix: list[str]) -> dict[str, float]:
    """Runs one job and gives its chief's report.

    Raises:
        RuntimeError: The job failed; with the end of what it printed.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        settings = [f"--{name}={flags.FLAGS[name].value}" for name in ("model", "batch", "steps")]
        command = [sys.executable, __file__, f"--program={program}", f"--report={report}"]
        command += [*settings, f"--epochs={EPOCHS.value}", f"--endless={ENDLESS.value}"]
        if workers:
            launch = [sys.executable, "-m", "tftrain", "launch", f"--workers={workers}", "--"]
            command = [*launch, *command]
        environ = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
        environ |= {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "2"}
        with subprocess.Popen(
            [*prefix, *command],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as job:
            try:
                output, _ = job.communicate(timeout=LIMIT_SECONDS)
            except BaseException:
                job.terminate()  # the launcher ends its workers
                raise
        if job.returncode or not report.exists():
            raise RuntimeError(f"{program} ended with {job.returncode}:\n{output[-3000:]}")
        return json.loads(report.read_text())


def summary(reports: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Medians and spreads of a setting, and tftrain's speed beside tf_keras's.

    Raises:
        RuntimeError: The programs did not do the same work.
    """
    work = {
        tuple(report[name] for name in ("updates", "replicas", "parameters"))
        for of_program in reports.values()
        for report in of_program
    }
    if len(work) > 1:
        raise RuntimeError(f"updates, replicas and parameters differ between jobs: {work}")
    result: dict[str, Any] = {}
    for program, of_program in reports.items():
        speeds = [report["steps_per_second"] for report in of_program]
        result[program] = {
            **comparison.spread("steps_per_second", speeds),
            "bytes_per_step": statistics.median(one["bytes_per_step"] for one in of_program),
            "parameters": of_program[0]["parameters"],
        }
    result["ratio"] = result["tftrain"]["steps_per_second"] / result["tf_keras"]["steps_per_second"]
    return result


def table(results: dict[str, dict[str, Any]]) -> str:
    head = ("setting", "program", "steps/s, median", "least - most", "bytes sent a step", "ratio")
    rows = []
    for setting, result in results.items():
        for program in PROGRAMS:
            of = result[program]
            ratio = f"{result['ratio']:.2f}" if program == "tftrain" else ""
            speed = (f"{of['steps_per_second']:.0f}", f"{of['least']:.0f} - {of['most']:.0f}")
            rows.append((setting, program, *speed, f"{of['bytes_per_step']:,.0f}", ratio))
    return comparison.table(head, rows)


def compare() -> None:
    if QUICK.value:
        flags.FLAGS.rounds, flags.FLAGS.epochs, flags.FLAGS.steps = 1, 1, 20
    prefix = network.isolation()
    reports = comparison.measure(
        lambda program, setting: run_job(program, SETTINGS[setting], prefix or []),
        ONLY.value,
        PROGRAMS,
        rounds=ROUNDS.value,
        unit="steps_per_second",
    )
    results = {setting: summary(of) for setting, of in reports.items()}
    counted = "the job's own network namespace" if prefix else "the machine's loopback: all traffic"
    print(table(results))
    print(f"\nbytes counted in: {counted}; target ratio {TARGET} or more")
    settings = {name: flags.FLAGS[name].value for name in RECORDED}
    document = {
        "benchmark": "distribution",
        **settings,
        "rounds": ROUNDS.value,
        "quick": QUICK.value,
        "results": results,
        "target_ratio": TARGET,
        "bytes_counted_in": counted,
        **surroundings.describe(PACKAGES),
    }
    print(json.dumps(document))


def main(_: list[str]) -> None:
    act: Callable[[], None] = train if PROGRAM.value else compare
    act()


if __name__ == "__main__":
    app.run(main)
