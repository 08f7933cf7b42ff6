"""Every recipe, run as a user runs it: how long it takes, and whether its figures are as expected.

    python benchmarks/recipes.py --data_dir=DIR             # DIR holds mnist.npz; about an hour
    python benchmarks/recipes.py --dataset=digits           # about a quarter of an hour
    python benchmarks/recipes.py --only=mnist_mlp --seeds=3 --data_dir=DIR
    python benchmarks/recipes.py --check --data_dir=DIR     # writes nothing; 1 if a figure is off
    python benchmarks/recipes.py --quick --dataset=digits   # one epoch: do they run?

The table of recipes/README.md is written after each recipe; what is not run keeps its row. A
recipe's figures are those that it leaves in result.json, what is expected of them is in
recipe_list.py. Time is that of the whole process, start and saving included. A recipe that fails
is told at the end, and makes the exit status 1. The last line is a JSON document.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import recipe_table
import surroundings
from absl import app, flags
from recipe import DATASETS, Recipe
from recipe_list import RECIPES
from recipe_table import Outcome

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("tensorflow", "keras", "tf-keras", "tensorflow-model-optimization", "numpy")
NAMES = [recipe.name for recipe in RECIPES]
LAST_LINES = 5  # of a recipe that fails

CHECK = flags.DEFINE_bool("check", False, "only compare with what is expected; write nothing")
DATA_DIR = flags.DEFINE_string("data_dir", None, "folder with mnist.npz")
DATASET = flags.DEFINE_enum("dataset", "mnist", DATASETS, "what to run on, and which table")
LIMIT = flags.DEFINE_integer("limit", 3600, "seconds that a run may take", lower_bound=1)
ONLY = flags.DEFINE_list("only", NAMES, "some of the recipes, separated by commas")
PAGE = flags.DEFINE_string("page", str(ROOT / "recipes/README.md"), "where the table is written")
QUICK = flags.DEFINE_bool("quick", False, "one epoch, nothing is compared or written")
SEEDS = flags.DEFINE_integer("seeds", 1, "runs of each, by --seed=0, 1, ...", lower_bound=1)
flags.register_validator(
    "only", lambda names: set(names) <= set(NAMES), f"known recipes: {', '.join(NAMES)}"
)


def command(recipe: Recipe, seed: int, out: Path) -> list[str]:
    """What `recipe.command` says, with this Python, and with what differs by machine."""
    arguments = [*recipe.flags(DATASET.value), f"--seed={seed}", f"--out={out}"]
    if DATASET.value == "mnist" and recipe.reads_mnist and DATA_DIR.value:
        arguments.append(f"--data_dir={Path(DATA_DIR.value).resolve()}")
    if QUICK.value:
        arguments.append("--epochs=1")
    launch = [sys.executable, "-m", "tftrain", "launch", *recipe.tasks, "--"]
    script = [sys.executable, str(ROOT / f"recipes/{recipe.name}.py"), *arguments]
    return [*launch, *script] if recipe.tasks else script


def run(recipe: Recipe, seed: int) -> tuple[float, dict[str, float]]:
    """Seconds and figures of one run.

    Raises:
        RuntimeError: It did not end in time, failed, or left no figures.
    """
    with tempfile.TemporaryDirectory() as folder:
        out, log = Path(folder, "out"), Path(folder, "log")
        started = time.perf_counter()
        status = _status(command(recipe, seed, out), log)
        seconds = time.perf_counter() - started
        if status != 0:
            last = "\n".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:])
            how = f"not ended after {LIMIT.value} s" if status is None else f"exit status {status}"
            raise RuntimeError(f"{how}:\n{last}")
        if not (out / "result.json").is_file():
            raise RuntimeError("left no result.json: tftrain.app.write_result writes it")
        return seconds, json.loads((out / "result.json").read_text())


def _status(arguments: list[str], log: Path) -> int | None:
    """The exit status of a process that prints into a file; None if it had to be ended."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    with open(log, "wb") as file:
        process = subprocess.Popen(
            arguments,
            cwd=log.parent,
            env={**os.environ, "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1"},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(LIMIT.value)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends what still runs; `tftrain launch` ends its tasks when it is told to."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def measure(recipe: Recipe) -> Outcome:
    outcome = Outcome(recipe)
    for seed in range(1 if recipe.has_seeds else SEEDS.value):
        try:
            outcome.add(*run(recipe, seed))
        except RuntimeError as error:
            outcome.fault = f"seed {seed}: {error}"
            print(f"{recipe.name}, {outcome.fault}", file=sys.stderr)
            break
        latest = {name: round(values[-1], 6) for name, values in outcome.figures.items()}
        print(f"{recipe.name}, seed {seed}: {outcome.seconds[-1]:.1f} s, {latest}", file=sys.stderr)
    return outcome


def document(outcomes: list[Outcome]) -> dict[str, Any]:
    return {
        "benchmark": "recipes",
        "dataset": DATASET.value,
        "quick": QUICK.value,
        "recipes": {
            outcome.recipe.name: {
                "command": outcome.recipe.command(DATASET.value),
                **{
                    name: value
                    for name, value in dataclasses.asdict(outcome).items()
                    if name != "recipe"
                },
            }
            for outcome in outcomes
        },
        **surroundings.describe(PACKAGES),
    }


def main(_: list[str]) -> None:
    outcomes = []
    for recipe in RECIPES:
        if recipe.name not in ONLY.value:
            continue
        outcomes.append(measure(recipe))
        if not (CHECK.value or QUICK.value):
            recipe_table.write(Path(PAGE.value), DATASET.value, outcomes[-1:])
    cells = {one.recipe.name: one.cells(DATASET.value) for one in outcomes if one.seconds}
    print(recipe_table.table(DATASET.value, cells, [one.recipe for one in outcomes]))
    faults = [f"{one.recipe.name}: {one.fault}" for one in outcomes if one.fault]
    off = [] if QUICK.value else [line for one in outcomes for line in one.problems(DATASET.value)]
    for line in off or faults:
        print(line, file=sys.stderr)
    print(json.dumps(document(outcomes)))
    sys.exit(1 if faults or (CHECK.value and off) else 0)


if __name__ == "__main__":
    app.run(main)
