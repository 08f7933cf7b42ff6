"""Target: `tftrain.fit` at least 10 times as fast an epoch as Keras 3's `fit` on an MNIST MLP at
batch 32, 6 times at batch 128, never slower on a CNN, 1.5 times on an LSTM; within 1.3 times of
the floor, and a whole run of 5 epochs in half the time. The others: what people use instead.

    pip install 'tftrain[benchmark]'        # the peers; or any of them by hand
    python benchmarks/fit_speed.py --data_dir=FOLDER         # with mnist.npz; an hour or more
    python benchmarks/fit_speed.py --only=mlp-32 --programs=keras,tftrain
    python benchmarks/fit_speed.py --quick                   # its figures mean nothing

PyTorch's own package brings GPU libraries of gigabytes on Linux; its build for CPUs is enough:
first install that, by the command that PyTorch's installation page gives for CPU. A peer that is
not installed is left out, with a line that says so.

All programs (fit_programs/, each a script that runs by itself) train the same network from the
same initializers on the same rows, reshuffled every epoch, in the same batches, the last one
smaller; Adam at 1e-3; loss and accuracy of training and, after every epoch, of validation, in
batches as large. They report updates and parameters: where these differ, nothing is compared.

- An epoch's figure: the median over a process's epochs after the first, with validation; then the
  median, least and most over the processes, which take turns in alternating order.
- Whole: from the start of the process to the saved model, imports and compilation included. Keras
  on TensorFlow, tf_keras and tftrain export for TF Serving; the others save their parameters.
- Memory: the largest resident set, next to the bytes of the data.
- Others: how many cores programs outside the benchmark kept busy meanwhile, the mean and the worst
  process: a figure measured beside much of that is worth little. PyTorch suffers most, as its
  threads wait for each other in every operation: beside one busy program an epoch of mlp-32 took
  34 s on two threads, 1.4 s on one. So the loop is measured both ways.

The floor is no training: see fit_programs/floor.py. Made data stand in for MNIST without
`--data_dir`; then accuracy says little.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import fit_speed_picture
import fit_speed_summary as summary
import surroundings
from absl import app, flags
from fit_programs import data_files
from fit_programs.workloads import HIDDEN, WORKLOADS
from other_load import OtherLoad

FOLDER = Path(__file__).with_name("fit_programs")
PACKAGES = ("tensorflow", "keras", "tf_keras", "numpy", "torch", "lightning", "jax", "optax")
LIMIT_SECONDS = 1200.0


@dataclasses.dataclass(frozen=True)
class Program:
    """A script of fit_programs/, and what it cannot do without."""

    script: str
    flags: tuple[str, ...] = ()
    backend: str = "tensorflow"
    needs: tuple[str, ...] = ()
    networks: tuple[str, ...] = ("mlp", "mlp_1000", "cnn", "lstm")


PROGRAMS = {
    "keras": Program("keras_fit.py"),
    "keras_64_steps": Program("keras_fit.py", ("--steps_per_execution=64",)),
    "tf_keras": Program("tf_keras_fit.py"),
    "keras_on_jax": Program("keras_fit.py", backend="jax", needs=("jax",)),
    "torch": Program("torch_loop.py", needs=("torch",)),
    "torch_1_thread": Program("torch_loop.py", ("--threads=1",), needs=("torch",)),
    "lightning": Program("lightning_trainer.py", needs=("torch", "lightning")),
    "jax_scan": Program("jax_scan.py", needs=("jax", "optax")),
    "tftrain": Program("tftrain_fit.py"),
    "floor": Program("floor.py", networks=tuple(HIDDEN)),
}

DATA_DIR = flags.DEFINE_string("data_dir", None, "folder with mnist.npz; without it, made data")
ONLY = flags.DEFINE_multi_enum("only", [*WORKLOADS], [*WORKLOADS], "workloads to measure")
NAMES = flags.DEFINE_list("programs", [*PROGRAMS], "those to measure, with commas between")
REPEATS = flags.DEFINE_integer("repeats", 5, "processes of each program", lower_bound=1)
EPOCHS = flags.DEFINE_integer("epochs", 5, "in a process", lower_bound=2)
ENGINE = flags.DEFINE_string("engine", "auto", "of tftrain.fit")
PLOT = flags.DEFINE_string("plot", None, "where to write a picture (.png)")
QUICK = flags.DEFINE_bool("quick", False, "one process, two epochs of 1000 rows: does it run?")

flags.register_validator(
    DATA_DIR,
    lambda folder: folder is None or Path(folder, data_files.PICTURES).exists(),
    f"expected a folder with {data_files.PICTURES}; leave it out for made data",
)
flags.register_validator(
    NAMES,
    lambda names: set(names) <= set(PROGRAMS),
    f"expected some of {', '.join(PROGRAMS)}",
)


def lacking(name: str) -> str | None:
    """Why a program cannot run here, with the remedy; None if it can."""
    absent = [need for need in PROGRAMS[name].needs if importlib.util.find_spec(need) is None]
    if absent:
        return f"not installed: pip install {' '.join(absent)}"
    if name == "tftrain":
        import tftrain

        if "fit" not in tftrain.__all__:  # hasattr would load TensorFlow
            return f"tftrain {tftrain.__version__} has no fit: update it"
    return None


def run_process(name: str, workload: str, data: Path) -> dict[str, Any]:
    """Runs one program in a process of its own and gives its report.

    Raises:
        RuntimeError: It failed; with the end of what it printed.
    """
    program = PROGRAMS[name]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, str(FOLDER / program.script), *program.flags]
        command += [f"--workload={workload}", f"--data={data}", f"--epochs={EPOCHS.value}"]
        command += [f"--engine={ENGINE.value}"] if name == "tftrain" else []
        environ = os.environ | {
            "CUDA_VISIBLE_DEVICES": "",
            "JAX_PLATFORMS": "cpu",
            "KERAS_BACKEND": program.backend,
            "TF_CPP_MIN_LOG_LEVEL": "2",
        }
        with OtherLoad() as load:
            done = subprocess.run(
                [*command, f"--report={report}", f"--started={time.time()}"],
                env=environ,
                capture_output=True,
                text=True,
                timeout=LIMIT_SECONDS,
                check=False,
            )
        if done.returncode or not report.exists():
            raise RuntimeError(f"{name} ended with {done.returncode}:\n{done.stderr[-3000:]}")
        return {**json.loads(report.read_text()), "other_cores": load.cores}


Reports = dict[str, list[dict[str, Any]]]  # of a workload, by program


def measure(workload: str, data: Path, names: list[str], reports: Reports) -> None:
    """Adds the reports of all rounds to `reports`, one by one."""
    network = WORKLOADS[workload].network
    able = [name for name in names if network in PROGRAMS[name].networks]
    for number in range(REPEATS.value):
        for name in able if number % 2 == 0 else reversed(able):
            report = run_process(name, workload, data)
            reports.setdefault(name, []).append(report)
            print(
                f"round {number + 1} of {REPEATS.value}: {workload}, {name}: "
                f"{summary.steady(report):.3f} s an epoch",
                file=sys.stderr,
            )


def compare(names: list[str]) -> dict[str, Any]:
    """Measures all workloads and prints the table; what a run cut short has, it shows as well."""
    reports: dict[str, Reports] = {workload: {} for workload in ONLY.value}
    with tempfile.TemporaryDirectory() as folder:
        # All of it first: what is wrong with the data shows before an hour has passed.
        files = {
            workload: data_files.prepare(
                WORKLOADS[workload].network, Path(folder), DATA_DIR.value, QUICK.value
            )
            for workload in reports
        }
        try:
            for workload, (data, _) in files.items():
                measure(workload, data, names, reports[workload])
        finally:
            results = {workload: summary.summarize(of) for workload, of in reports.items() if of}
            print(summary.HEAD)
            for workload, of_workload in results.items():
                print(summary.table(workload, of_workload), flush=True)
    print()
    for workload, of_workload in results.items():
        size = next(iter(of_workload.values()))["data_bytes"] / 1e6
        print(f"data of {workload}: {files[workload][1]}, {size:,.0f} MB")
    return {"data": {workload: files[workload][1] for workload in results}, "results": results}


def main(_: list[str]) -> None:
    if QUICK.value:
        flags.FLAGS.repeats, flags.FLAGS.epochs = 1, 2
    reasons = {name: lacking(name) for name in PROGRAMS if name in NAMES.value}
    for name, reason in reasons.items():
        if reason:
            print(f"{name} is left out: {reason}")
    document = compare([name for name, reason in reasons.items() if not reason])
    if PLOT.value:
        fit_speed_picture.draw(document["results"], PLOT.value)
    installed = [name for name in PACKAGES if importlib.util.find_spec(name)]
    document = {
        "benchmark": "fit_speed",
        **{name: flags.FLAGS[name].value for name in ("repeats", "epochs", "engine", "quick")},
        **document,
        "ratios": {name: summary.ratios(of) for name, of in document["results"].items()},
        **surroundings.describe(installed),
    }
    print(json.dumps(document))


if __name__ == "__main__":
    app.run(main)
