"""tftrain top: show a running job's workers: step, speed, processor, memory, network, waiting.

Without an argument it lists the jobs of this user that run on this machine, or shows the only
one. A job is named by what the list says, or its beginning; or by its run's folder, where workers
on other machines are seen too; a sweep's folder shows the trials that train now. On a terminal the
table is refreshed until the job ends, or Ctrl-C.

Examples:
  tftrain top
  tftrain top runs/digits-mlp-1
  tftrain top 3f2a --every=5
  tftrain top sweeps/first
  tftrain top runs/digits-mlp-1 --once --json
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from absl import flags

from tftrain import live, training
from tftrain.cli import job_tables
from tftrain.errors import NotRunning, SweepError
from tftrain.sweeps import Sweep, tables, trials
from tftrain.sweeps.folder import SweepFolder

_FIRST_LOOK = 0.5  # seconds in which processor time and traffic are counted the first time
_CLEAR = "\033[H\033[J"


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    flags.DEFINE_bool("once", False, "print once, as where there is no terminal", values)
    flags.DEFINE_bool("json", False, "print once, as JSON", values)
    flags.DEFINE_float(
        "every", 2.0, "seconds between two refreshes", lower_bound=0.1, flag_values=values
    )


def problems(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the command line."""
    if len(positional) > 1:
        yield f"expected one job or run, received {len(positional)}: {' '.join(positional)}"


def main(values: flags.FlagValues, positional: Sequence[str]) -> int:
    """Shows one job, or all of them.

    Returns:
        0, also when the job has ended or Ctrl-C was typed.

    Raises:
        NotRunning: There is no such job, or none at all.
    """
    name = positional[0] if positional else None
    watching = sys.stdout.isatty() and not (values.once or values.json)
    views = job_tables.Views()
    jobs = _find(name)
    if name is not None and not jobs:
        print(json.dumps([]) if values.json else _ended(name))
        return 0
    views.look(jobs)
    time.sleep(_FIRST_LOOK)
    if not watching:
        views.look(jobs)
        shown = json.dumps(views.as_json(jobs)) if values.json else views.text(jobs)
        print(shown)
        return 0
    try:
        return _watch(name, views, values.every)
    except KeyboardInterrupt:
        return 0


def _watch(name: str | None, views: job_tables.Views, every: float) -> int:
    shown = ""
    while True:
        try:
            jobs = _find(name)
        except NotRunning:
            jobs = []
        if not jobs:
            print("the job has ended" if shown else _ended(name))
            return 0
        views.look(jobs)
        shown = views.text(jobs)
        print(f"{_CLEAR}{shown}", flush=True)
        time.sleep(every)


def _find(name: str | None) -> list[live.Job]:
    """The jobs meant; none if a run is named that has ended.

    Raises:
        NotRunning: There is no such job, or none at all.
    """
    if name is not None and Path(name).is_dir():
        return _in_folder(name)
    running = live.running()
    if name is None:
        if not running:
            raise NotRunning("no job of yours is running on this machine")
        return running
    found = [job for job in running if job.name.startswith(name)]
    if len(found) == 1:
        return found
    known = ", ".join(job.short_name for job in running) or "none is running"
    what = f"{len(found)} jobs begin so" if found else "no running job begins so"
    raise NotRunning(f"{name}: {what}, and it is no run's folder; jobs: {known}")


def _in_folder(name: str) -> list[live.Job]:
    sweep = SweepFolder(name)
    if sweep.record.is_file():
        found = [live.of_run(trial.folder) for trial in sweep.read()[1]]
        return [job for job in found if job is not None]
    job = live.of_run(name)
    if job is None and not training.RunFolder(name).config.is_file():
        raise NotRunning(
            f"{name} is a folder, but no run of tftrain and no sweep, and nothing trains in it"
        )
    return [] if job is None else [job]


def _ended(name: str) -> str:
    """What became of a run, or how far a sweep is."""
    sweep = SweepFolder(name)
    if sweep.record.is_file():
        return _of_sweep(Sweep.read(sweep))
    folder = training.RunFolder(name)
    if not folder.result.is_file():
        return f"{name} has not begun to train"
    status = folder.read_result()["status"]
    if status == "running":  # so says the file of one that was killed
        status = "unfinished: its process is gone"
    return f"{name} does not run: {status}, {len(folder.read_metrics())} epochs behind it"


def _of_sweep(sweep: Sweep) -> str:
    """How far a sweep is of which no trial tells anything."""
    try:
        with sweep.folder.locked():
            pass
    except SweepError:
        return f"no trial of {sweep.folder.path} trains yet: {tables.summary(sweep)}"
    for trial in sweep.trials:
        if trial.state == trials.RUNNING:  # so says the record of a sweep that was killed
            trial.state = trials.PAUSED
    return f"{sweep.folder.path} does not run: {tables.summary(sweep)}"
