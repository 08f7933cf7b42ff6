"""What is shown of a sweep as it goes: one table on a terminal, elsewhere a line an event."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from typing import TextIO

from tftrain.sweeps import tables, trials
from tftrain.sweeps.sweep import Sweep
from tftrain.sweeps.trials import Trial
from tftrain.text_tables import width

_SECONDS = 0.5
_BACK_TO_THE_TOP, _CLEAR = "\x1b[{}A\r", "\x1b[J"
_AROUND = 4  # lines of a terminal that are not for trials


def board(output: TextIO) -> Lines | Table:
    """The board that fits where it is shown."""
    return Table(output) if output.isatty() else Lines(output)


class Lines:
    """A line an event.

    Args:
        output: Where lines go.
    """

    def __init__(self, output: TextIO) -> None:
        self._output = output

    def happened(self, sweep: Sweep, trial: Trial) -> None:
        """A trial has begun, or come to an end."""
        line = f"trial {trial.number:03d} {_event(trial)}: {tables.settings(trial)}"
        print(f"{line}{_outcome(sweep, trial)}", file=self._output, flush=True)

    def show(self, sweep: Sweep) -> None:
        """Nothing has happened."""

    def close(self, sweep: Sweep) -> None:
        """All that is to be said is said."""


class Table:
    """The trials in a table that is drawn over itself.

    Args:
        output: A terminal.
        clock: Seconds from any fixed moment.
    """

    def __init__(self, output: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._output, self._clock = output, clock
        self._began, self._drawn_at, self._lines = clock(), float("-inf"), 0

    def happened(self, sweep: Sweep, trial: Trial) -> None:
        """Shows it at once."""
        self._draw(sweep)

    def show(self, sweep: Sweep) -> None:
        """Shows it if some time has passed."""
        if self._clock() - self._drawn_at >= _SECONDS:
            self._draw(sweep)

    def close(self, sweep: Sweep) -> None:
        """Takes the table away, since the last one is a result."""
        self._write([])

    def _draw(self, sweep: Sweep) -> None:
        self._drawn_at = self._clock()
        size = shutil.get_terminal_size()
        shown = _few(sweep, max(size.lines - _AROUND, 1))
        lines = [self._progress(sweep), *tables.table(sweep, shown).split("\n")]
        if len(shown) < len(sweep.trials):
            lines.append(f"... and {len(sweep.trials) - len(shown)} more")
        self._write([_cut(line, size.columns - 1) for line in lines])

    def _write(self, lines: list[str]) -> None:
        back = _BACK_TO_THE_TOP.format(self._lines) if self._lines else ""
        self._output.write(back + _CLEAR + "".join(f"{line}\n" for line in lines))
        self._output.flush()
        self._lines = len(lines)

    def _progress(self, sweep: Sweep) -> str:
        gone = self._clock() - self._began
        left = seconds_left(sweep)
        then = "" if left is None else f", about {left:.0f} s left"
        return f"{tables.summary(sweep)}; {gone:.0f} s{then}"


def seconds_left(sweep: Sweep) -> float | None:
    """How long the rest may take, by what the trials that have ended took; None before."""
    ended = [one.seconds for one in sweep.trials if one.state in trials.ENDED and one.seconds]
    running = [one.seconds for one in sweep.trials if one.state == trials.RUNNING]
    if not (ended and running):
        return None
    each = sum(ended) / len(ended)
    under_way = sum(max(each - seconds, 0.0) for seconds in running)
    to_come = sweep.asked.trials - sweep.count(*trials.ENDED) - len(running)
    return (under_way + each * to_come) / len(running)


def _few(sweep: Sweep, most: int) -> list[Trial]:
    """Those under way and the best of the others, where there is no room for all."""
    found = tables.in_order(sweep)
    under_way = [one for one in found if one.state == trials.RUNNING][:most]
    others = [one for one in found if one.state != trials.RUNNING]
    kept = {id(one) for one in (*under_way, *others[: most - len(under_way)])}
    return [one for one in found if id(one) in kept]


def _cut(line: str, columns: int) -> str:
    while width(line) > columns:
        line = line[:-1]
    return line


def _event(trial: Trial) -> str:
    again = " again" if trial.epochs or trial.seconds else ""
    return {trials.RUNNING: f"began{again}", trials.STOPPED: "was stopped early"}.get(
        trial.state, trial.state
    )


def _outcome(sweep: Sweep, trial: Trial) -> str:
    if trial.state in (trials.RUNNING, trials.WAITING):
        return ""
    told = [trial.reason] if trial.reason else []
    if trial.value is not None:
        told.append(f"{sweep.asked.metric} {trial.value:.4f} in epoch {trial.best_epoch}")
    if trial.state == trials.FAILED and trial.seconds:
        told.append(f"see {trial.log}")
    return f"; {'; '.join([*told, f'{trial.seconds:.1f} s'])}"
