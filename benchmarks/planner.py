"""Target: the planner's step times and memory are within 25% of what is measured, for a perceptron
and a CNN, in one process and in two, over links of three speeds. Results: docs/design/planner.md.

    python benchmarks/planner.py           # as root; about four minutes on two idle cores
    python benchmarks/planner.py --quick   # its figures mean nothing

A process has one core and one thread; two of them lie in two network namespaces that a veth pair
joins, each side's sending shaped by `tc`. Every model is measured in processes of its own.

What the prediction is given, by each process itself, in turns with what is predicted: the rates of
`tftrain.planning.measuring.rates` (products of matrices 1024 wide, convolutions of 32 to 32
channels, a bias and a relu, an Adam step of one variable of four million), what a step and a layer
of a perceptron of width 8 cost under the same strategy, how fast an all-reduce of one tensor goes
over the link without a limit, and how much memory that takes. Besides, memory: what the process has
before the model comes, and what a model of width 8 adds to it. None of it is of the two models.

Measured: the median step of `fit`, Adam, float32; and the highest resident memory while a fresh
process trains the model for the first time.
"""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import comparison
import network
import planned_training
import surroundings
from absl import app, flags
from absl.testing import flagsaver

MODELS = {"perceptron": 64, "cnn": 128}  # examples of a step, of all processes together
RATES = (1000, 300, 100)
TARGET = 0.25
PACKAGES = ("tensorflow", "keras", "numpy")
HEAD = ("model", "processes", "link", "what", "measured, median", "least - most", "predicted",
        "off")  # fmt: skip
RECORDED = ("rounds", "quick", "rate", "only", "processes")

ONLY = flags.DEFINE_multi_enum("only", [*MODELS], [*MODELS], "models to measure")
RATE = flags.DEFINE_multi_integer("rate", [*RATES], "Mbit/s of the link")
ROUNDS = flags.DEFINE_integer("rounds", 3, "of calibration and measurement", lower_bound=1)
PROCESSES = flags.DEFINE_multi_integer("processes", [1, 2], "1, 2 or both")
QUICK = flags.DEFINE_bool("quick", False, "one round, three steps: does it run?")
PART = flags.DEFINE_enum("part", None, ["network", "process"], "(internal) be a part")
COPIES = flags.DEFINE_bool("copies", False, "(internal) tell what an all-reduce takes of memory")
MODEL = flags.DEFINE_enum("model", None, [*MODELS], "(internal) the part's model")
CORE = flags.DEFINE_integer("core", 0, "(internal) that the process keeps to")
REPORT = flags.DEFINE_string("report", None, "(internal) where the part writes")


def be_process() -> None:
    model = MODEL.value
    process = planned_training.Process(model, MODELS[model], CORE.value, RATE.value, QUICK.value)
    found = process.exchange_copies() if COPIES.value else process.run(ROUNDS.value)
    Path(REPORT.value).write_text(json.dumps(found))


def be_network() -> None:
    """In namespaces of its own: makes two hosts, starts a process on each."""
    network.make_hosts()
    cores = sorted(os.sched_getaffinity(0))
    processes = []
    for number in (0, 1):
        config = {"cluster": {"worker": [f"{address}:2222" for address in network.ADDRESSES]}}
        config |= {"task": {"type": "worker", "index": number}}
        command = ["ip", "netns", "exec", f"host{number}", *part("process", MODEL.value)]
        command += [f"--core={cores[number % len(cores)]}", f"--report={REPORT.value}-{number}"]
        with open(f"{REPORT.value}-{number}.log", "wb") as log:
            environ = {**os.environ, "TF_CONFIG": json.dumps(config)}
            processes.append(subprocess.Popen(command, env=environ, stdout=log, stderr=log))
    statuses = [process.wait() for process in processes]
    sys.exit(max(map(abs, statuses)))


def part(name: str, model: str) -> list[str]:
    """The command of a part, with the flags that it shares with the whole."""
    command = [sys.executable, __file__, f"--part={name}", f"--model={model}"]
    command += [f"--rate={rate}" for rate in RATE.value]
    command += [f"--copies={COPIES.value}"]
    return [*command, f"--rounds={ROUNDS.value}", f"--quick={QUICK.value}"]


def measured(model: str, count: int, folder: Path) -> Any:
    """What the first process of a job has seen.

    Raises:
        RuntimeError: The job failed; with the end of what it said.
    """
    report = folder / f"{model}-{count}"
    core = min(os.sched_getaffinity(0))
    command = [*part("process", model), f"--core={core}"]
    if count == 2:
        command = [*network.OWN_NAMESPACES, *part("network", model)]
    environ = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
    environ |= {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    log = folder / f"{model}-{count}.log"
    with open(log, "wb") as output:
        done = subprocess.run(
            [*command, f"--report={report}"], env=environ, stdout=output, stderr=output, check=False
        )
    if done.returncode:
        logs = [each.read_text(errors="replace")[-2000:] for each in sorted(folder.glob("*.log"))]
        raise RuntimeError("\n".join([f"{model} in {count} ended with {done.returncode}", *logs]))
    return json.loads((report if count == 1 else Path(f"{report}-0")).read_text())


def copies_of_an_exchange(folder: Path) -> float:
    """Memory of an all-reduce by the size of its tensor, in processes that do nothing else.

    The median of three jobs: one holds up to a third more than the next.
    """
    jobs = 1 if QUICK.value else 3
    with flagsaver.flagsaver(copies=True):
        return statistics.median(measured(ONLY.value[0], 2, folder) for _ in range(jobs))


def machine_of(report: dict[str, Any], count: int, rate: int) -> Any:
    """The planner's machine: medians of what was calibrated, and the link as it is shaped."""
    from tftrain import planning
    from tftrain.planning import measuring

    calibrations = report["rounds"]
    middle = {
        name: statistics.median(one["calibration"][name] for one in calibrations)
        for name in calibrations[0]["calibration"]
    }
    exchange = [one["exchange_rate"] for one in calibrations if "exchange_rate" in one]
    base = dataclasses.replace(
        planning.Machine(count, 2.0**40, 1.0, planning.Link(rate * 1e6 / 8)),
        exchange_rate=statistics.median(exchange) if exchange else None,
        exchange_copies=report.get("copies", 0.0),
    )
    return measuring.Measured(**middle).machine(base)


def predicted(profile: Any, machine: Any, batch: int) -> Any:
    from tftrain import planning

    count = machine.devices
    plans = planning.plan(
        profile,
        machine,
        planning.Training(batch),
        allowed=lambda split: split.data == count and split.micro_batches == 1,
    )
    return plans.best


def rows(model: str, count: int, report: dict[str, Any]) -> list[dict[str, Any]]:
    """Prediction beside measurement: memory, and step times of one link after the other."""
    from tftrain import planning

    profile = planning.profile(lambda: planned_training.make_model(model))
    rounds, memory = report["rounds"], report["memory"]
    made = []
    for rate in rounds[0]["steps"]:
        plan = predicted(profile, machine_of(report, count, int(rate)), MODELS[model])
        times = [seconds for one in rounds for seconds in one["steps"][rate]]
        link = f"{rate} Mbit/s" if count == 2 else "none"
        one = {"model": model, "processes": count, "link": link, "what": "step"}
        parts = dataclasses.asdict(plan.seconds)
        made.append({**one, **compared(times, plan.step_seconds), "parts": parts})
    held = plan.memory.total + memory["small"]
    one = {"model": model, "processes": count, "link": "", "what": "memory"}
    parts = {**dataclasses.asdict(plan.memory), "small model": memory["small"]}
    above = compared([memory["whole"] - memory["before"]], held)
    total = {"before": memory["before"], "of the process": memory["before"] + held}
    return [*made, {**one, **above, **total, "parts": parts}]


def compared(values: list[float], prediction: float) -> dict[str, Any]:
    of = comparison.spread("measured", values)
    return {**of, "predicted": prediction, "off": prediction / of["measured"] - 1}


def table(lines: list[dict[str, Any]]) -> str:
    shown = []
    for one in lines:
        factor, unit = (1e3, "ms") if one["what"] == "step" else (1 / 2**20, "MiB")
        figures = [factor * one[name] for name in ("measured", "least", "most", "predicted")]
        middle, least, most, prediction = (f"{each:,.1f}" for each in figures)
        named = [str(one[name]) for name in ("model", "processes", "link", "what")]
        figures = (f"{middle} {unit}", f"{least} - {most}", f"{prediction} {unit}")
        shown.append((*named, *figures, f"{one['off']:+.0%}"))
    return comparison.table(HEAD, shown)


def compare() -> None:
    if QUICK.value:
        flags.FLAGS.rounds = 1
    if 2 in PROCESSES.value and os.geteuid() != 0:
        raise app.UsageError("needs root: it makes network namespaces (--processes=1 does without)")
    lines, loads = [], []
    with tempfile.TemporaryDirectory() as folder:
        for count in sorted(set(PROCESSES.value)):
            copies = copies_of_an_exchange(Path(folder)) if count == 2 else 0.0
            for model in ONLY.value:
                report = measured(model, count, Path(folder))
                report["copies"] = copies
                loads.append(report["load"])
                found = rows(model, count, report)
                lines += found
                print("\n".join(table(found).splitlines()[2:]), file=sys.stderr)
    within = sum(abs(one["off"]) <= TARGET for one in lines)
    print(f"{table(lines)}\n\n{within} of {len(lines)} within {TARGET:.0%}; load {loads}")
    settings = {name: flags.FLAGS[name].value for name in RECORDED}
    document = {"benchmark": "planner", **settings, "rows": lines, "within": within}
    print(json.dumps({**document, "target": TARGET, **surroundings.describe(PACKAGES)}))


def main(_: list[str]) -> None:
    parts: dict[str | None, Callable[[], None]]
    parts = {"network": be_network, "process": be_process, None: compare}
    parts[PART.value]()


if __name__ == "__main__":
    app.run(main)
