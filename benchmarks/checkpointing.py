"""Target: a checkpoint of everything every 100 steps costs less than 3% of the time of a network
of 10 million parameters when it is written in the background. Beside it: the same with `blocking`,
Keras's ModelCheckpoint (whole models) and BackupAndRestore.

    python benchmarks/checkpointing.py                # about 15 minutes
    python benchmarks/checkpointing.py --quick        # its figures mean nothing

Each program trains in a process of its own; the peers run without tftrain, so that Keras is as it
is shipped. A checkpoint is due every 200 steps, so that blocks of 100 steps with one and without
take turns: the overhead is the difference of two neighbours over the time of the one without. So
what else the machine does hits both alike. A block with a checkpoint lasts until 100 steps after
the moment when it is due: writing in the background falls within.

- Overhead: the median over all pairs of all processes, and its quartiles.
- Longest stop: the median of the longest pause between two steps (of Keras's loop) in the blocks
  with a checkpoint: what a step waits for it.
- Written: the bytes of one checkpoint on disk.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import surroundings
from absl import app, flags
from other_load import OtherLoad

PROGRAMS = {
    "tftrain, background": "keras",
    "tftrain, blocking": "keras",
    "tftrain, background, fused": "fused_epoch",
    "Keras ModelCheckpoint": None,
    "Keras BackupAndRestore": None,
}
BLOCK, FEATURES, BATCH = 100, 1024, 32
PACKAGES = ("tensorflow", "keras", "numpy")

REPEATS = flags.DEFINE_integer("repeats", 3, "processes of each program", lower_bound=1)
PAIRS = flags.DEFINE_integer("pairs", 4, "blocks with a checkpoint, in a process", lower_bound=1)
QUICK = flags.DEFINE_bool("quick", False, "a small network, once: does it run?")
PROGRAM = flags.DEFINE_enum("program", None, [*PROGRAMS], "run this one here; for the benchmark")


def network() -> Any:
    import keras

    width = 32 if QUICK.value else 2048
    hidden = [keras.layers.Dense(width, "relu") for _ in range(3)]
    model = keras.Sequential([keras.Input((FEATURES,)), *hidden, keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    return model


def clock_class() -> type:
    import keras

    class Clock(keras.callbacks.Callback):
        """Notes when steps end, before a checkpoint that comes after it is due."""

        needs_every_steps = BLOCK

        def __init__(self, every_batch: bool) -> None:
            super().__init__()
            self.needs_every_batch = every_batch
            self.ends: dict[int, float] = {}

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.ends[batch + 1] = time.perf_counter()

    return Clock


def saving(program: str, folder: Path) -> Any:
    if program == "Keras ModelCheckpoint":
        import keras

        return keras.callbacks.ModelCheckpoint(folder / "model.keras", save_freq=2 * BLOCK)
    if program == "Keras BackupAndRestore":
        import keras

        return keras.callbacks.BackupAndRestore(
            str(folder), save_freq=2 * BLOCK, delete_checkpoint=False
        )
    import tftrain

    blocking = "blocking" in program
    return tftrain.callbacks.Checkpoint(folder, every_steps=2 * BLOCK, keep=1, blocking=blocking)


def train(program: str) -> dict[str, Any]:
    """One process: the seconds of blocks, and the longest pauses in those with a checkpoint."""
    import keras
    import numpy as np

    keras.utils.set_random_seed(0)
    steps = 2 * BLOCK * (PAIRS.value + 1)
    x = np.random.default_rng(0).normal(size=(steps * BATCH, FEATURES)).astype("float32")
    y = np.random.default_rng(1).integers(0, 10, steps * BATCH)
    model, engine = network(), PROGRAMS[program]
    with tempfile.TemporaryDirectory() as folder:
        clock = clock_class()(every_batch=engine != "fused_epoch")
        callbacks = [clock, saving(program, Path(folder))]
        given = {"batch_size": BATCH, "shuffle": False, "verbose": 0, "callbacks": callbacks}
        if engine is None:
            model.fit(x, y, **given)
        else:
            import tftrain

            tftrain.fit(model, x, y, engine=engine, **given)
        written = largest_checkpoint(Path(folder))
    return {**blocks(clock.ends, steps), "bytes": written, "parameters": model.count_params()}


def blocks(ends: dict[int, float], steps: int) -> dict[str, list[float]]:
    """From when steps ended: blocks with a checkpoint, those before them, and longest pauses."""
    with_one, without, stops = [], [], []
    for due in range(2 * BLOCK, steps - BLOCK + 1, 2 * BLOCK):
        with_one.append(ends[due + BLOCK] - ends[due])
        without.append(ends[due] - ends[due - BLOCK])
        times = [ends[step] for step in sorted(ends) if due <= step <= due + BLOCK]
        stops.append(max(later - earlier for earlier, later in itertools.pairwise(times)))
    return {"with": with_one, "without": without, "stops": stops}


def largest_checkpoint(folder: Path) -> int:
    sizes = [0]
    for entry in folder.iterdir():
        files = entry.rglob("*") if entry.is_dir() else [entry]
        sizes.append(sum(file.stat().st_size for file in files if file.is_file()))
    return max(sizes)


def run_process(program: str) -> dict[str, Any]:
    """Runs a program in a process of its own.

    Raises:
        RuntimeError: It failed; with the end of what it printed.
    """
    command = [sys.executable, __file__, f"--program={program}", f"--pairs={PAIRS.value}"]
    command += ["--quick"] if QUICK.value else []
    with OtherLoad() as load:
        done = subprocess.run(
            command,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{program} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return {**json.loads(done.stdout.splitlines()[-1]), "other_cores": load.cores}


def summary(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """Percent of overhead, with its quartiles, over the pairs of all processes of a program."""
    pairs = [pair for one in reports for pair in zip(one["with"], one["without"], strict=True)]
    overheads = sorted(100 * (slow / fast - 1) for slow, fast in pairs)
    quarter = len(overheads) // 4
    return {
        "overhead": statistics.median(overheads),
        "quartiles": [overheads[quarter], overheads[-1 - quarter]],
        "stop_ms": 1000 * statistics.median(stop for one in reports for stop in one["stops"]),
        "step_ms": 10 * statistics.median(fast for _, fast in pairs),
        "bytes": reports[0]["bytes"],
        "other_cores": max(one["other_cores"] for one in reports),
    }


def row(program: str, of: dict[str, Any]) -> str:
    low, high = of["quartiles"]
    fused = PROGRAMS[program] == "fused_epoch"
    stop = "-" if fused else f"{of['stop_ms']:.0f}"
    return (
        f"| {program} | {of['overhead']:.1f} ({low:.1f} to {high:.1f}) | {stop} "
        f"| {of['step_ms']:.1f} | {of['bytes'] / 1e6:.0f} | {of['other_cores']:.1f} |"
    )


def main(_: list[str]) -> None:
    if PROGRAM.value:
        print(json.dumps(train(PROGRAM.value)))
        return
    if QUICK.value:
        flags.FLAGS.repeats, flags.FLAGS.pairs = 1, 1
    reports: dict[str, list[dict[str, Any]]] = {program: [] for program in PROGRAMS}
    for number in range(REPEATS.value):
        for program in PROGRAMS if number % 2 == 0 else reversed(PROGRAMS):
            print(f"round {number + 1} of {REPEATS.value}: {program}", file=sys.stderr)
            reports[program].append(run_process(program))
    results = {program: summary(of) for program, of in reports.items()}
    print(
        "| program | overhead, %, of 100 steps (quartiles) | longest stop, ms | step, ms "
        "| written, MB | other cores |"
    )
    print("|---" * 6 + "|")
    print("\n".join(row(program, of) for program, of in results.items()))
    document = {
        "benchmark": "checkpointing",
        "parameters": reports["tftrain, background"][0]["parameters"],
        "quick": QUICK.value,
        "results": results,
        **surroundings.describe([name for name in PACKAGES if importlib.util.find_spec(name)]),
    }
    print(json.dumps(document))


if __name__ == "__main__":
    app.run(main)
