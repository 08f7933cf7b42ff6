"""Trials as processes, each in its part of the machine, as long as there are any left to run."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Protocol

from tftrain.distribute import kubernetes, restarts
from tftrain.distribute.allocation import Share
from tftrain.errors import BadInput
from tftrain.sweeps import metrics, trials
from tftrain.sweeps.processes import TrialProcess, why_ended
from tftrain.sweeps.study import Study
from tftrain.sweeps.sweep import Sweep
from tftrain.sweeps.trials import Trial

POLL_SECONDS = 0.1
_SAME_SECONDS = 1.0  # launchers and schedulers may send a signal twice, one after the other
# A trial is no task of the cluster that the sweep may be one of.
_NOT_PASSED_ON = ("TF_CONFIG", "SLURM_STEP_NODELIST", kubernetes.INDEX_VARIABLE)


class Board(Protocol):
    """Who is told what happens."""

    def happened(self, sweep: Sweep, trial: Trial) -> None:
        """A trial has another state."""

    def show(self, sweep: Sweep) -> None:
        """Time has passed."""


@dataclasses.dataclass
class _Running:
    trial: Trial
    process: TrialProcess
    place: int
    seconds_before: float
    lines: metrics.Lines
    end: tuple[str, str] | None = None  # the state and the reason that it was stopped for
    deadline: float = float("inf")


class Scheduler:
    """Runs the trials of a sweep.

    Args:
        sweep: Its trials change as they run, and new ones are drawn.
        study: What draws and judges.
        command: The program of a trial and its arguments.
        shares: What each of the trials that run side by side may use of the machine.
        board: Who is told.
        grace_seconds: Time from SIGTERM to SIGKILL.
    """

    def __init__(
        self,
        sweep: Sweep,
        study: Study,
        command: Callable[[Trial], Sequence[str]],
        shares: Sequence[Share],
        board: Board,
        grace_seconds: float,
    ) -> None:
        self._sweep, self._study, self._command = sweep, study, command
        self._shares, self._board, self._grace = shares, board, grace_seconds
        self._running: list[_Running] = []
        self._signals: list[int] = []

    def run(self) -> None:
        """Until all trials have ended, or a signal came: then they are asked to save and end."""
        with self._noting_signals():
            try:
                while not self._signals and self._fill():
                    time.sleep(POLL_SECONDS)
                    self._look()
                    self._board.show(self._sweep)
                self._pause()
            finally:
                for one in self._running:  # an error here must not leave trainings behind
                    one.process.kill()
        self._sweep.signal = self._signals[0] if self._signals else None

    def _fill(self) -> bool:
        """Starts what can be started; gives whether anything runs."""
        for place in range(len(self._shares)):
            while not self._signals and all(one.place != place for one in self._running):
                trial = self._next()
                if trial is None:
                    break
                self._start(trial, place)
        return bool(self._running)

    def _next(self) -> Trial | None:
        for state in (trials.PAUSED, trials.WAITING):
            for trial in self._sweep.trials:
                if trial.state == state:
                    return trial
        number = len(self._sweep.trials)
        if number >= self._sweep.asked.trials:
            return None
        settings = self._study.draw(number)
        trial = self._sweep.folder.new_trial(number, settings, self._sweep.asked.seed + number)
        self._sweep.trials.append(trial)
        return trial

    def _start(self, trial: Trial, place: int) -> None:
        self._study.begin(trial)
        try:
            command = self._command(trial)
            process = TrialProcess(command, trial.log, _environ(), self._shares[place])
        except BadInput as error:
            self._ended(trial, trials.FAILED, str(error))
        except OSError as error:
            why = f"it cannot be started: {error.filename}: {error.strerror}"
            self._ended(trial, trials.FAILED, why)
        else:
            self._running.append(
                _Running(trial, process, place, trial.seconds, metrics.Lines(trial.folder))
            )
            self._changed(trial, trials.RUNNING)

    def _look(self) -> None:
        for one in list(self._running):
            status = one.process.status()  # before the lines: none comes after
            self._read(one)
            if status is not None:
                self._running.remove(one)
                self._ended(one.trial, *self._judged(one, status))
            elif excess := one.process.excess():
                one.end = trials.FAILED, excess
                one.process.kill()
            elif time.monotonic() > one.deadline:
                one.process.kill()

    def _read(self, one: _Running) -> None:
        trial = one.trial
        trial.seconds = one.seconds_before + one.process.seconds
        lines = one.lines.changed()
        if lines is None:
            return
        self._sweep.take(trial, lines)
        for epoch, line in enumerate(lines, 1):
            wrong = metrics.wrong_in(line, self._sweep.asked.metric)
            if wrong:
                self._stop(one, trials.FAILED, f"{wrong} in epoch {epoch}")
                return
            if self._study.report(trial, epoch, line[self._sweep.asked.metric]):
                self._stop(one, trials.STOPPED, f"worse than others after epoch {epoch}")

    def _stop(self, one: _Running, state: str, reason: str) -> None:
        if one.end is None:
            one.end = state, reason
            one.deadline = time.monotonic() + self._grace
            one.process.stop()

    def _judged(self, one: _Running, status: int) -> tuple[str, str]:
        if one.end and (status or one.end[0] == trials.FAILED):
            return one.end
        if status:
            return trials.FAILED, why_ended(status, one.trial.log)
        if one.trial.value is None:
            return trials.FAILED, f"it ended without a line in {metrics.FILE}"
        return trials.FINISHED, ""

    def _ended(self, trial: Trial, state: str, reason: str) -> None:
        trial.reason = reason
        trial.state = state
        self._study.end(trial)
        self._changed(trial, state)

    def _changed(self, trial: Trial, state: str) -> None:
        trial.state = state
        self._sweep.write()
        self._board.happened(self._sweep, trial)

    def _pause(self) -> None:
        """Lets what runs save and end; a second signal ends it at once."""
        for one in self._running:
            one.process.stop()
        deadline = time.monotonic() + self._grace
        while self._running:
            if len(self._signals) > 1 or time.monotonic() > deadline:
                for one in self._running:
                    one.process.kill()
            for one in list(self._running):
                status = one.process.status()
                if status is not None:
                    self._running.remove(one)
                    self._read(one)
                    self._paused(one, status)
            time.sleep(POLL_SECONDS)

    def _paused(self, one: _Running, status: int) -> None:
        if status and one.end is None:
            self._changed(one.trial, trials.PAUSED)
        else:
            self._ended(one.trial, *self._judged(one, status))

    @contextlib.contextmanager
    def _noting_signals(self) -> Iterator[None]:
        before = {}
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with contextlib.suppress(ValueError):  # not in the main thread
                before[number] = signal.signal(number, self._note)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self._signals or now - self._noted_at > _SAME_SECONDS:
            self._signals.append(number)
            self._noted_at = now


def _environ() -> dict[str, str]:
    """That of a trial, which is a job of its own: trials share what names the sweep's."""
    passed = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}
    return {**passed, restarts.JOB_VARIABLE: uuid.uuid4().hex, restarts.RESTART_VARIABLE: "0"}
