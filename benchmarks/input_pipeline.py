"""Target: augmentation inside a tf.data pipeline at least 3 times as fast as the faster of two
other ways at 32x32x3, and never slower at 224x224x3. Results: docs/how-to/augment.md.

    python benchmarks/input_pipeline.py              # some minutes on two cores
    python benchmarks/input_pipeline.py --only=augmentation --size=32
    python benchmarks/input_pipeline.py --quick      # about a minute; its figures mean nothing

After it, record_reading.py: how fast record sets are read, and what checking them costs.

Flip, crop, affine, mixup; uint8 images in memory in, float32 batches in [0, 1] out. Every image of
every program is flipped, moved, turned and mixed by numbers of its own. Each program runs in a
process of its own, in alternating order; a figure is the median of the rounds.

The ranges are the same: flips left to right, moves of up to an eighth of the side, turns of 15
degrees, scale and shear of 0.1, zeros outside, bilinear; mixup with alpha 0.2.

- tftrain: `augment.compose`, which joins the three moves into one resampling of a batch.
- keras: its layers on a batch, `RandomFlip`, `RandomTranslation` (`RandomCrop` takes one place for
  a whole batch), `RandomRotation`, `RandomZoom`, `RandomShear`, `MixUp`. It has no layer that
  joins them, so it interpolates four times: that is what its users have.
- per_image: one image at a time, `tf.image` flips and crops bytes, one matrix turns, scales and
  shears with TensorFlow's ImageProjectiveTransformV3; then batches, and mixup by hand on them.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import comparison
import numpy as np
import surroundings
from absl import app, flags

NAMES = ("augmentation", "records")
PROGRAMS = ("tftrain", "keras", "per_image")
PACKAGES = ("tensorflow", "keras", "numpy")
BATCHES = {32: 256, 224: 64}
TARGETS = {32: 3.0, 224: 1.0}
CLASSES = 10
DEGREES, SCALE, SHEAR, ALPHA = 15.0, 0.1, 0.1, 0.2
LIMIT_SECONDS = 300.0

SIZES = flags.DEFINE_multi_enum("size", ["32", "224"], ["32", "224"], "side in pixels")
SECONDS = flags.DEFINE_float("seconds", 3.0, "measured in a process", lower_bound=0.1)
ONLY = flags.DEFINE_multi_enum("only", [*NAMES], [*NAMES], "parts to run")
ROUNDS = flags.DEFINE_integer("rounds", 5, "processes of each program", lower_bound=1)
QUICK = flags.DEFINE_bool("quick", False, "one round of half a second: does it run?")
PROGRAM = flags.DEFINE_enum("program", None, PROGRAMS, "(internal) be one of the programs")
REPORT = flags.DEFINE_string("report", None, "(internal) where it writes")


def source(tf: Any, side: int) -> Any:
    """Images without an end: what is measured does not depend on what is in them."""
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (4 * BATCHES[side], side, side, 3), np.uint8)
    y = random.integers(0, CLASSES, len(x))
    return tf.data.Dataset.from_tensor_slices((x, y)).repeat()


def tftrain_pipeline(side: int) -> Any:
    import functools

    from tftrain import augment
    from tftrain.keras_api import tf

    augmented = augment.compose(
        augment.flip,
        functools.partial(augment.crop, padding=side // 8),
        functools.partial(augment.affine, degrees=DEGREES, scale=SCALE, shear=SHEAR),
        functools.partial(augment.mixup, alpha=ALPHA, classes=CLASSES),
        dtype="float32",
    )
    batches = source(tf, side).batch(BATCHES[side], drop_remainder=True).enumerate()
    return batches.map(
        lambda step, batch: augmented(*batch, [0, step]), num_parallel_calls=tf.data.AUTOTUNE
    ).prefetch(tf.data.AUTOTUNE)


def keras_pipeline(side: int) -> Any:
    import tensorflow as tf
    from keras import layers

    outside = {"fill_mode": "constant", "interpolation": "bilinear"}
    steps = [
        layers.Rescaling(1 / 255),
        layers.RandomFlip("horizontal", seed=0),
        layers.RandomTranslation(1 / 8, 1 / 8, seed=1, **outside),
        layers.RandomRotation(DEGREES / 360, seed=2, **outside),
        layers.RandomZoom(SCALE, seed=3, **outside),
        layers.RandomShear(x_factor=SHEAR, seed=4, **outside),
    ]
    mixup = layers.MixUp(alpha=ALPHA, seed=5)

    def augmented(x: Any, y: Any) -> Any:
        for step in steps:
            x = step(x, training=True)
        mixed = mixup({"images": x, "labels": tf.one_hot(y, CLASSES)}, training=True)
        return mixed["images"], mixed["labels"]

    batches = source(tf, side).batch(BATCHES[side], drop_remainder=True)
    return batches.map(augmented, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def per_image_pipeline(side: int) -> Any:
    import tensorflow as tf

    pad = side // 8
    centre = (side - 1) / 2

    def one(step: Any, example: Any) -> Any:
        x, y = example
        seed = tf.stack([tf.constant(0, tf.int64), step])
        x = tf.image.stateless_random_flip_left_right(x, seed)
        x = tf.pad(x, [[pad, pad], [pad, pad], [0, 0]])
        x = tf.image.stateless_random_crop(x, [side, side, 3], seed + 1)
        u = tf.random.stateless_uniform([3], seed + 2, -1.0, 1.0)
        angle, scale, shear = u[0] * math.radians(DEGREES), 1 + u[1] * SCALE, u[2] * SHEAR
        cos, sin = tf.cos(angle), tf.sin(angle)
        xx, xy = (cos + shear * sin) / scale, (sin - shear * cos) / scale
        yx, yy = -sin / scale, cos / scale
        x0, y0 = centre - (xx + xy) * centre, centre - (yx + yy) * centre
        x = tf.raw_ops.ImageProjectiveTransformV3(
            images=tf.cast(x, tf.float32)[tf.newaxis] * (1 / 255),
            transforms=tf.stack([xx, xy, x0, yx, yy, y0, 0.0, 0.0])[tf.newaxis],
            output_shape=[side, side],
            fill_value=0.0,
            interpolation="BILINEAR",
        )
        return tf.ensure_shape(x[0], [side, side, 3]), tf.one_hot(y, CLASSES)

    def mixed(step: Any, batch: Any) -> Any:
        x, y = batch
        seed = tf.stack([tf.constant(1, tf.int64), step])
        gammas = tf.random.stateless_gamma([2, BATCHES[side]], seed, ALPHA)
        share = gammas[0] / (gammas[0] + gammas[1])
        partner = tf.random.experimental.stateless_shuffle(tf.range(BATCHES[side]), seed)
        of_pixels = share[:, tf.newaxis, tf.newaxis, tf.newaxis]
        x = of_pixels * x + (1 - of_pixels) * tf.gather(x, partner)
        y = share[:, tf.newaxis] * y + (1 - share[:, tf.newaxis]) * tf.gather(y, partner)
        return x, y

    images = source(tf, side).enumerate().map(one, num_parallel_calls=tf.data.AUTOTUNE)
    batches = images.batch(BATCHES[side], drop_remainder=True).enumerate()
    return batches.map(mixed, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def run() -> None:
    """What the process of a program does.

    Raises:
        RuntimeError: What came out is not what all programs must give.
    """
    side = int(SIZES.value[0])
    pipelines = {
        "tftrain": tftrain_pipeline,
        "keras": keras_pipeline,
        "per_image": per_image_pipeline,
    }
    batches = iter(pipelines[PROGRAM.value](side))
    for _ in range(8):  # to trace, to compile, to fill the buffers
        x, y = next(batches)
    expected = ((BATCHES[side], side, side, 3), "float32", (BATCHES[side], CLASSES))
    found = (tuple(x.shape), x.dtype.name, tuple(y.shape))
    if found != expected or not 0 <= np.min(x) <= np.max(x) <= 1.0001:
        raise RuntimeError(f"{PROGRAM.value} gives {found}, {np.min(x)} to {np.max(x)}")
    count, start = 0, time.perf_counter()
    while (seconds := time.perf_counter() - start) < SECONDS.value:
        next(batches)
        count += 1
    report = {
        "images_per_second": count * BATCHES[side] / seconds,
        "mean": float(np.mean(x)),
        "deviation": float(np.std(x)),
    }
    Path(REPORT.value).write_text(json.dumps(report))


def run_process(program: str, side: str) -> dict[str, float]:
    """Runs one program in a process of its own and gives its report.

    Raises:
        RuntimeError: It failed; with the end of what it printed.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, __file__, f"--program={program}", f"--size={side}"]
        command += [f"--seconds={SECONDS.value}", f"--report={report}"]
        environ = os.environ | {
            "CUDA_VISIBLE_DEVICES": "",
            "KERAS_BACKEND": "tensorflow",
            "TF_CPP_MIN_LOG_LEVEL": "2",
        }
        done = subprocess.run(
            command, env=environ, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
        )
        if done.returncode or not report.exists():
            raise RuntimeError(f"{program} ended with {done.returncode}:\n{done.stderr[-3000:]}")
        return json.loads(report.read_text())


def summary(reports: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Medians and spreads, and tftrain's speed beside that of the faster of the others."""
    result: dict[str, Any] = {}
    for program, of_program in reports.items():
        speeds = [report["images_per_second"] for report in of_program]
        result[program] = {
            **comparison.spread("images_per_second", speeds),
            "mean": of_program[0]["mean"],
            "deviation": of_program[0]["deviation"],
        }
    others = [of["images_per_second"] for name, of in result.items() if name != "tftrain"]
    result["ratio"] = result["tftrain"]["images_per_second"] / max(others)
    return result


def table(results: dict[int, dict[str, Any]]) -> str:
    lines = [
        "| images | program | images/s, median | least - most | tftrain to the faster other |",
        "|---|---|---|---|---|",
    ]
    for side, result in results.items():
        for program in PROGRAMS:
            of = result[program]
            ratio = f"{result['ratio']:.1f}" if program == "tftrain" else ""
            lines.append(
                f"| {side}x{side}x3 | {program} | {of['images_per_second']:,.0f} "
                f"| {of['least']:,.0f} - {of['most']:,.0f} | {ratio} |"
            )
    return "\n".join(lines)


def augmentation() -> dict[str, Any]:
    """Measures augmentation and prints its table."""
    reports = comparison.measure(
        run_process, SIZES.value, PROGRAMS, rounds=ROUNDS.value, unit="images_per_second"
    )
    results = {int(side): summary(of) for side, of in reports.items()}
    print(table(results))
    targets = ", ".join(f"{TARGETS[side]:g} or more at {side}x{side}" for side in results)
    print(f"\ntarget ratio: {targets}")
    return {"results": results, "target_ratios": TARGETS, "batch": BATCHES}


def record_reading() -> dict[str, Any]:
    """Runs the benchmark of record sets, which has flags of its own, and prints its table."""
    script = Path(__file__).with_name("record_reading.py")
    command = [sys.executable, str(script), f"--quick={QUICK.value}"]
    *lines, document = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.splitlines()
    print("", *lines, sep="\n")
    return json.loads(document)


PARTS: dict[str, Callable[[], dict[str, Any]]]
PARTS = dict(zip(NAMES, (augmentation, record_reading), strict=True))


def compare() -> None:
    if QUICK.value:
        flags.FLAGS.rounds, flags.FLAGS.seconds = 1, 0.5
    parts = {name: PARTS[name]() for name in ONLY.value}
    document = {
        "benchmark": "input_pipeline",
        "rounds": ROUNDS.value,
        "seconds": SECONDS.value,
        "quick": QUICK.value,
        **parts,
        **surroundings.describe(PACKAGES),
    }
    print(json.dumps(document))


def main(_: list[str]) -> None:
    act: Callable[[], None] = run if PROGRAM.value else compare
    act()


if __name__ == "__main__":
    app.run(main)
