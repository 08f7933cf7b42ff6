"""A sweep from what is asked to its picture."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

from tftrain.atomic import replace_file
from tftrain.distribute.allocation import Share
from tftrain.errors import SweepError
from tftrain.sweeps import boards, metrics, trials
from tftrain.sweeps.asked import Asked
from tftrain.sweeps.dimensions import Choices, Dimension
from tftrain.sweeps.folder import SweepFolder
from tftrain.sweeps.machine import divided
from tftrain.sweeps.scheduling import Scheduler
from tftrain.sweeps.study import Study, require_optuna
from tftrain.sweeps.sweep import Sweep
from tftrain.sweeps.trials import Trial

GRACE_SECONDS = 30.0


def run(
    space: Mapping[str, Dimension | Sequence[Any]],
    command: Callable[[Trial], Sequence[str]],
    out: str | os.PathLike[str],
    *,
    parallel: int = 1,
    memory_bytes: int | None = None,
    pin: bool | None = None,
    grace_seconds: float = GRACE_SECONDS,
    output: TextIO | None = None,
    **asked: Any,
) -> Sweep:
    """Trains once with every combination of settings, or with some of them that are drawn.

    Each trial is a process of its own, so that none can hurt another. Its program makes the folder
    `trial.folder`, appends a line of JSON an epoch to `metrics.jsonl` in it, and ends with 0.

    Args:
        space: What is varied, by name: a list of values, `Choices`, or a `Range`.
        command: Gives the program of a trial and its arguments. A trial that is half done is
            given to it again: what is in its folder tells how far it came.
        out: The sweep's folder, which is made.
        parallel: How many trials run side by side, each on its share of the cores.
        memory_bytes: What each of them may use; None for no limit.
        pin: Whether each keeps to cores of its own, which is quicker unless others use them too;
            None for where nothing else does.
        grace_seconds: Time that a trial has to save and end, from SIGTERM to SIGKILL.
        output: Where it is told how the sweep goes; standard error by default.
        **asked: See `Asked`: metric, goal, sampler, trials, prune, prune_after, seed, program.

    Returns:
        The sweep, whose `best` is None if no trial has finished.

    Raises:
        SweepError: What is asked for is wrong, the machine too small, or `out` not free.

    Example:
        >>> import sys, tempfile
        >>> program = '''
        ... import json, os, sys
        ... folder, x = sys.argv[1], float(sys.argv[2])
        ... os.makedirs(folder)
        ... with open(f"{folder}/metrics.jsonl", "a") as file:
        ...     print(json.dumps({"loss": x * x}), file=file)
        ... '''
        >>> def command(trial):
        ...     return [sys.executable, "-c", program, str(trial.folder), str(trial.settings["x"])]
        >>> sweep = run({"x": [-1.0, 0.5]}, command, tempfile.mkdtemp(), metric="loss")
        >>> sweep.best.settings, sweep.best.value
        ({'x': 0.5}, 0.25)
    """
    require_optuna()
    what, folder = Asked(space, **asked), SweepFolder(out)
    folder.check_free()
    machine = divided(parallel, memory_bytes, pin=pin, trials=what.trials)
    folder.make()
    with folder.locked():
        return _run(Sweep(what, folder, []), command, machine, grace_seconds, output)


def resume(
    out: str | os.PathLike[str],
    command: Callable[[Trial], Sequence[str]],
    *,
    parallel: int = 1,
    memory_bytes: int | None = None,
    pin: bool | None = None,
    grace_seconds: float = GRACE_SECONDS,
    output: TextIO | None = None,
    retry_failed: bool = False,
    **changes: Any,
) -> Sweep:
    """Goes on with a sweep: what has ended stays, what is half done is given to `command` again.

    Args:
        out: The sweep's folder.
        command: As of `run`.
        parallel: As of `run`.
        memory_bytes: As of `run`.
        pin: As of `run`.
        grace_seconds: As of `run`.
        output: As of `run`.
        retry_failed: Whether trials that have failed are run once more.
        **changes: More `trials` than before; a larger `space` of a grid.

    Raises:
        SweepError: There is no sweep, or it cannot be changed so.
    """
    require_optuna()
    folder = SweepFolder(out)
    folder.read()  # or it is said that there is none
    with folder.locked():
        what, found = reopened(folder, **changes)
        machine = divided(parallel, memory_bytes, pin=pin, trials=what.trials)
        again = (trials.RUNNING, *([trials.FAILED] if retry_failed else []))
        for one in found:
            if one.state in again:
                one.state, one.reason = trials.PAUSED, ""
        folder.make()
        return _run(Sweep(what, folder, found), command, machine, grace_seconds, output)


def reopened(folder: SweepFolder, **changes: Any) -> tuple[Asked, list[Trial]]:
    """What is asked of a sweep that goes on, and the trials it has.

    Args:
        folder: Where it is.
        **changes: `trials`, `space`; None for what stays.

    Raises:
        SweepError: There is no sweep, or it cannot be changed so.
    """
    recorded, found = folder.read()
    asked = Asked.from_dict(recorded)
    changes = {name: value for name, value in changes.items() if value is not None}
    if "space" in changes:
        changes = {"trials": None, **changes, "space": _grown(asked, changes["space"])}
    asked = dataclasses.replace(asked, **changes)
    if asked.trials < len(found):
        raise SweepError(
            [f"{folder.path} has {len(found)} trials; --trials={asked.trials} is fewer"]
        )
    return asked, found


def _grown(asked: Asked, space: Mapping[str, Dimension]) -> dict[str, Dimension]:
    if asked.sampler != "grid":
        raise SweepError([f"values cannot be added to a {asked.sampler} sweep; more trials can"])
    if set(space) != set(asked.space):
        raise SweepError(
            [f"the grid is of {', '.join(asked.space)}; values can be added, settings cannot"]
        )
    return {
        name: Choices(tuple(dict.fromkeys((*one.values, *space[name].values))))
        for name, one in asked.space.items()
    }


def _run(
    sweep: Sweep,
    command: Callable[[Trial], Sequence[str]],
    machine: Sequence[Share],
    grace_seconds: float,
    output: TextIO | None,
) -> Sweep:
    board = boards.board(sys.stderr if output is None else output)
    _plan(sweep)
    sweep.write()
    Scheduler(sweep, _study(sweep), command, machine, board, grace_seconds).run()
    board.close(sweep)
    sweep.write()
    sweep.folder.write_table(sweep.trials, sweep.asked.metric)
    if sweep.ranked():
        _draw(sweep)
    return sweep


def _plan(sweep: Sweep) -> None:
    """Adds the trials that need not be drawn and are not there yet."""
    there = [one.settings for one in sweep.trials]
    for settings in sweep.asked.planned() or []:
        if settings not in there:
            number = len(sweep.trials)
            seed = sweep.asked.seed + number
            sweep.trials.append(sweep.folder.new_trial(number, settings, seed))


def _study(sweep: Sweep) -> Study:
    """What knows of all trials that have begun, from the lines they wrote."""
    asked = sweep.asked
    study = Study(
        asked.space,
        goal=asked.goal,
        sampler=asked.sampler,
        prune=asked.prune,
        prune_after=asked.prune_after,
        seed=asked.seed,
    )
    for trial in sweep.trials:
        if trial.state == trials.WAITING:
            continue
        study.begin(trial)
        for epoch, line in enumerate(metrics.read(trial.folder), 1):
            if isinstance(line.get(asked.metric), (int, float)):
                study.report(trial, epoch, line[asked.metric])
        if trial.state in trials.ENDED:
            study.end(trial)
    return study


def _draw(sweep: Sweep) -> None:
    from tftrain.sweeps import picture  # half a second that --help need not wait for

    with replace_file(sweep.folder.picture) as temporary:
        picture.figure(sweep).savefig(temporary, dpi=120)
