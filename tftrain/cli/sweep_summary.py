"""What `tftrain sweep` says in the end."""

from __future__ import annotations

import shlex

from tftrain.cli import sweep_trials
from tftrain.sweeps import Sweep, tables


def of(sweep: Sweep) -> str:
    """All trials, the best of them, how to train it again, and where everything is."""
    folder = sweep.folder
    rows = {"result": tables.summary(sweep), "record": folder.record, "table": folder.table}
    if folder.picture.is_file():
        rows["picture"] = folder.picture
    best = sweep.best
    if best is not None:
        words = sweep_trials.as_typed(best, sweep.asked.program)
        rows = {
            "best": f"{tables.settings(best)} ({sweep.asked.metric} {best.value:.4f} in epoch "
            f"{best.best_epoch} of {best.epochs})",
            "run": best.folder,
            "again": shlex.join(["tftrain", "train", *words]),
            **rows,
        }
    lines = [f"{name:8} {value}" for name, value in rows.items()]
    failed = [f"{one.name} failed: {one.reason}" for one in sweep.trials if one.state == "failed"]
    return "\n".join([tables.table(sweep), "", *failed, *lines])


def how_to_go_on(sweep: Sweep) -> str:
    """The command that goes on with a sweep that was ended before its time."""
    out = shlex.quote(str(sweep.folder.path))
    return f"go on with: tftrain sweep --resume --out={out}"
