"""A sweep from what is asked to its picture."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from tftrain.atomic import replace_file
from tftrain.errors import SweepError
from tftrain.sweeps import boards, metrics, trials
from tftrain.sweeps.asked import Asked
from tftrain.sweeps.dimensions import Dimension
from tftrain.sweeps.folder import SweepFolder
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
    grace_seconds: float = GRACE_SECONDS,
    output: TextIO | None = None,
    **asked: Any,
) -> Sweep:
    """Trains once with every combination of settings, or with some of them that are drawn.

    Each trial is a process of its own, so that none can hurt another. Its program appends a line
    of JSON an epoch to `metrics.jsonl` in `trial.folder`, which it makes, and ends with 0.

    Args:
        space: What is varied, by name: a list of values, `Choices`, or a `Range`.
        command: Gives the program of a trial and its arguments. A trial that is half done is
            given to it again: what is in its folder tells how far it came.
        out: The sweep's folder, which is made.
        parallel: How many trials run side by side.
        grace_seconds: Time that a trial has to save and end, from SIGTERM to SIGKILL.
        output: Where it is told how the sweep goes; standard error by default.
        **asked: See `Asked`: metric, goal, sampler, trials, prune, prune_after, seed, program.

    Returns:
        The sweep, whose `best` is None if no trial has finished.

    Raises:
        SweepError: What is asked for is wrong, or `out` is not free.

    Example:
        >>> import sys, tempfile
        >>> program = "import json, os, sys; os.makedirs(sys.argv[1]); print(json.dumps({'loss': "
        >>> program += "float(sys.argv[2]) ** 2}), file=open(sys.argv[1] + '/metrics.jsonl', 'w'))"
        >>> def command(trial):
        ...     return [sys.executable, "-c", program, str(trial.folder), str(trial.settings["x"])]
        >>> sweep = run({"x": [-1.0, 0.5]}, command, tempfile.mkdtemp(), metric="loss")
        >>> sweep.best.settings, sweep.best.value
        ({'x': 0.5}, 0.25)
    """
    require_optuna()
    what = Asked(space, **asked)
    folder = SweepFolder(out)
    folder.check_free()
    folder.make()
    return _run(Sweep(what, folder, []), command, slots, grace_seconds, output)
