"""tftrain sweep: train with many settings, side by side, and say which did best.

Every trial is a `tftrain train` of its own on its share of the cores, and leaves a run folder in
SWEEP/trials. What follows `--` is given to all of them. --grid trains every combination:
NAME=a,b,c, or LOW:HIGH:POINTS of numbers. --random draws: NAME=a,b,c, or LOW:HIGH. log: before a
range takes powers of ten as equally likely; | separates values that have commas.

Examples:
  tftrain sweep --grid=optimizer=sgd,adam --grid=learning_rate=0.01,0.001 --parallel=2 -- --epochs=5
  tftrain sweep --random=learning_rate=log:1e-4:1e-1 --random=dropout=0:0.5 --trials=20
  tftrain sweep --random=batch_size=16:256 --sampler=tpe --prune=median --out=sweeps/batch
  tftrain sweep --resume --out=sweeps/batch --trials=40
"""

from __future__ import annotations

import itertools
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from tftrain import sweeps
from tftrain.cli import sweep_space, sweep_summary, sweep_trials
from tftrain.refusals import refusals
from tftrain.sweeps import asked as asking
from tftrain.sweeps import machine, running, study
from tftrain.sweeps.asked import Asked
from tftrain.sweeps.folder import SweepFolder

REMEDY = "--help lists all; those of `tftrain train` come after --"  # for unknown flags
_PARENT = Path("sweeps")
_METRICS = ("val_accuracy", "val_loss", "accuracy", "loss")
_FIXED = ("random", "sampler", "metric", "prune", "prune_after", "seed")


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    sweep_space.define_flags(values)
    for name, default, least, meaning in (
        ("trials", None, 1, f"how many (default: all of a grid, else {asking.DEFAULT_TRIALS})"),
        ("parallel", 1, 1, "trials side by side, each on its share of the cores"),
        ("prune_after", 1, 0, "with --prune: epochs that every trial may have"),
        ("seed", 0, 0, "of what is drawn; the n-th trial is trained with seed + n"),
    ):
        flags.DEFINE_integer(name, default, meaning, lower_bound=least, flag_values=values)
    flags.DEFINE_string("memory", None, "what each trial may use, as 2GiB", flag_values=values)
    flags.DEFINE_enum(
        "metric", "val_accuracy", _METRICS, "judges trials by its best epoch", flag_values=values
    )
    flags.DEFINE_enum(
        "prune", "none", study.PRUNERS, "when to stop trials that do badly", flag_values=values
    )
    flags.DEFINE_float(
        "grace",
        running.GRACE_SECONDS,
        "seconds that trials have to save and end, from SIGTERM to SIGKILL",
        lower_bound=0,
        flag_values=values,
    )
    flags.DEFINE_string("out", None, "sweep folder (default: the next free one in sweeps/)", values)
    flags.DEFINE_bool(
        "pin", None, "give each trial cores of its own (default: where nothing else runs)", values
    )
    flags.DEFINE_bool("resume", False, "go on with the sweep in --out", flag_values=values)
    flags.DEFINE_bool(
        "retry_failed", False, "with --resume: run failed trials again", flag_values=values
    )


def problems(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the command line, its trials included."""
    yield from refusals(study.require_optuna)
    yield from refusals(_divided, values)
    if values.out is not None and not values.out:
        yield "--out is empty"
    elif values.resume:
        yield from _wrong_resumption(values, positional)
    else:
        yield from _wrong_start(values, positional)


def main(values: flags.FlagValues, positional: Sequence[str]) -> int:
    """Runs the trials.

    Returns:
        0 if a trial has finished, whatever became of others; 1 if none has; 128 + N after signal N.
    """
    found = _resume(values) if values.resume else _begin(values, positional)
    print(sweep_summary.of(found))
    if found.signal is not None:
        name = signal.Signals(found.signal).name
        print(f"tftrain sweep: {name}; {sweep_summary.how_to_go_on(found)}", file=sys.stderr)
        return 128 + found.signal
    return 0 if found.best else 1


def _begin(values: flags.FlagValues, positional: Sequence[str]) -> sweeps.Sweep:
    words = sweep_trials.settled(positional)
    return sweeps.run(
        out=values.out or _next_free(),
        command=sweep_trials.command(words),
        **_asked(values, words),
        **_of_the_machine(values),
    )


def _resume(values: flags.FlagValues) -> sweeps.Sweep:
    return sweeps.resume(
        values.out,
        sweep_trials.command(_resumed(values).program),
        retry_failed=values.retry_failed,
        trials=values.trials,
        space=sweep_space.of(values) or None,
        **_of_the_machine(values),
    )


def _of_the_machine(values: flags.FlagValues) -> dict[str, Any]:
    return {
        "parallel": values.parallel,
        "memory_bytes": sweep_space.memory(values),
        "pin": values.pin,
        "grace_seconds": values.grace,
    }


def _wrong_start(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    if values.retry_failed:
        yield "--retry_failed needs --resume: it says how to go on"
    if values["prune_after"].present and values.prune == "none":
        yield "--prune_after needs --prune=median or --prune=halving: no trial is stopped without"
    if values.out:
        yield from refusals(SweepFolder(values.out).check_free)
    wrong = list(sweep_space.problems(values))
    wrong_words = list(sweep_trials.problems(positional))
    yield from (*wrong, *wrong_words)
    if any(refusals(sweep_space.of, values)):
        return
    if not wrong:
        yield from refusals(Asked, **_asked(values, positional))
    if not wrong_words:
        yield from sweep_trials.wrong_settings(positional, sweep_space.of(values))


def _wrong_resumption(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    if not values.out:
        yield "--resume needs --out: the sweep to go on with"
        return
    for name in _FIXED:
        if values[name].present:
            yield f"--{name} cannot be changed by --resume: the sweep's own holds"
    if positional:
        yield f"{positional[0]} cannot be changed by --resume: the sweep's own flags hold"
    wrong = list(sweep_space.problems(values, may_be_none=True)) or list(refusals(_resumed, values))
    yield from wrong
    if not wrong and values.grid:
        asked = _resumed(values)
        yield from sweep_trials.wrong_settings(asked.program, asked.space)


def _resumed(values: flags.FlagValues) -> Asked:
    changes = {"trials": values.trials, "space": sweep_space.of(values) or None}
    asked, _ = running.reopened(SweepFolder(values.out), **changes)
    return asked


def _asked(values: flags.FlagValues, program: Any) -> dict[str, Any]:
    return {
        "space": sweep_space.of(values),
        "sampler": values.sampler or ("grid" if values.grid else "random"),
        "trials": values.trials,
        "metric": values.metric,
        "prune": values.prune,
        "prune_after": values.prune_after,
        "seed": values.seed,
        "program": list(program),
    }


def _divided(values: flags.FlagValues) -> None:
    machine.divided(values.parallel, sweep_space.memory(values), pin=False)


def _next_free() -> Path:
    names = (_PARENT / f"sweep-{number}" for number in itertools.count(1))
    return next(path for path in names if not path.exists())
