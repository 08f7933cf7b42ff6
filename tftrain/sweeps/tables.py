"""The trials of a sweep as text."""

from __future__ import annotations

from collections.abc import Sequence

from tftrain.sweeps import trials
from tftrain.sweeps.space import Value
from tftrain.sweeps.sweep import Sweep
from tftrain.sweeps.trials import Trial
from tftrain.text_tables import aligned

_ORDER = (trials.FINISHED, trials.RUNNING, trials.PAUSED, trials.STOPPED, trials.FAILED)


def table(sweep: Sweep, shown: Sequence[Trial] | None = None) -> str:
    """A row a trial, the best first; then those that are under way, stopped, failed, waiting.

    Args:
        sweep: Whose trials.
        shown: These of them, as they come; None for all.
    """
    names = list(sweep.asked.space)
    head = ("trial", *names, "state", "epoch", sweep.asked.metric, "at epoch", "seconds")
    rows = [_row(one, names) for one in (in_order(sweep) if shown is None else shown)]
    return aligned([head, *rows])


def in_order(sweep: Sweep) -> list[Trial]:
    """The best first; then those that are under way, stopped, failed, waiting."""
    ranks = {id(one): rank for rank, one in enumerate(sweep.ranked())}
    order = {state: place for place, state in enumerate(_ORDER)}
    last = len(sweep.trials)
    return sorted(
        sweep.trials,
        key=lambda one: (order.get(one.state, last), ranks.get(id(one), last), one.number),
    )


def summary(sweep: Sweep) -> str:
    """How many trials have come to what end.

    Such as "12 trials: 9 finished, 2 stopped early, 1 failed".
    """
    words = {trials.STOPPED: "stopped early"}
    count = max(sweep.asked.trials, len(sweep.trials))
    counts = {state: sweep.count(state) for state in (*_ORDER, trials.WAITING)}
    counts[trials.WAITING] += count - len(sweep.trials)  # those that are not drawn yet
    told = [f"{many} {words.get(state, state)}" for state, many in counts.items() if many]
    return f"{count} trial{'s' * (count != 1)}: {', '.join(told)}"


def settings(trial: Trial) -> str:
    """What is varied, as NAME=VALUE.

    Example:
        >>> from pathlib import Path
        >>> settings(Trial(0, {"optimizer": "sgd", "learning_rate": 0.01}, 0, Path(), Path()))
        'optimizer=sgd learning_rate=0.01'
    """
    return " ".join(f"{name}={text(value)}" for name, value in trial.settings.items())


def text(value: Value) -> str:
    """A setting as it is typed.

    Example:
        >>> text(1e-5), text(16), text(None)
        ('1e-05', '16', 'none')
    """
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _row(one: Trial, names: Sequence[str]) -> tuple[str, ...]:
    return (
        f"{one.number:03d}",
        *(text(one.settings.get(name)) for name in names),
        one.state,
        str(one.epochs) if one.epochs else "",
        "" if one.value is None else f"{one.value:.4f}",
        str(one.best_epoch or ""),
        f"{one.seconds:.1f}" if one.seconds else "",
    )
