"""A sweep: its trials, and which of them is best."""

from __future__ import annotations

import dataclasses
from typing import Any

from tftrain.sweeps import metrics, trials
from tftrain.sweeps.asked import Asked
from tftrain.sweeps.folder import SweepFolder
from tftrain.sweeps.trials import Trial


@dataclasses.dataclass
class Sweep:
    """What came of a sweep, or has come of it so far.

    Attributes:
        asked: What it was asked for.
        folder: Where it is.
        trials: In the order of their numbers.
        signal: The signal that ended it before its time; None if none did.
    """

    asked: Asked
    folder: SweepFolder
    trials: list[Trial]
    signal: int | None = None

    @classmethod
    def read(cls, folder: SweepFolder) -> Sweep:
        """What is recorded of a sweep.

        Raises:
            SweepError: There is none, or its record is damaged.
        """
        recorded, found = folder.read()
        return cls(Asked.from_dict(recorded), folder, found)

    @property
    def best(self) -> Trial | None:
        """The finished trial with the best value; None if no trial has finished."""
        finished = self.ranked(trials.FINISHED)
        return finished[0] if finished else None

    def ranked(self, *states: str) -> list[Trial]:
        """Trials that have a value, the best first; of these states, or of any."""
        found = [
            one
            for one in self.trials
            if one.value is not None and (not states or one.state in states)
        ]
        down = self.asked.goal == "max"
        return sorted(found, key=lambda one: -one.value if down else one.value)

    def count(self, *states: str) -> int:
        """How many trials are in one of these states."""
        return sum(one.state in states for one in self.trials)

    def take(self, trial: Trial, lines: list[dict[str, Any]]) -> None:
        """Notes how far a trial has come."""
        values = [
            (line[self.asked.metric], number)
            for number, line in enumerate(lines, 1)
            if isinstance(line.get(self.asked.metric), (int, float))
        ]
        trial.epochs = len(lines)
        if values:
            first = metrics.best(self.asked.goal)
            trial.value, trial.best_epoch = first(values, key=lambda one: one[0])

    def write(self) -> None:
        """Records it in its folder."""
        self.folder.write(self.asked.as_dict(), self.trials, self.best)
