"""The folder of a sweep: what was asked for, its trials, and what came of them."""

from __future__ import annotations

import csv
import itertools
import json
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from tftrain.atomic import alone_in, replace_file
from tftrain.errors import SweepError
from tftrain.sweeps import trials
from tftrain.sweeps.trials import Trial

_VERSION = 1
_STATES = (*trials.ENDED, trials.WAITING, trials.RUNNING, trials.PAUSED)


class SweepFolder:
    """The files of a sweep.

    Attributes:
        path: The folder.
        record: `sweep.json`: what was asked for, and every trial; always whole.
        table: `trials.csv`, the same trials as a table.
        picture: `sweep.png`.
        trials: Folder of the trials' run folders.
        logs: Folder of what they printed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser()
        self.record = self.path / "sweep.json"
        self.table = self.path / "trials.csv"
        self.picture = self.path / "sweep.png"
        self.trials = self.path / "trials"
        self.logs = self.path / "logs"

    def check_free(self) -> None:
        """Raises SweepError unless a new sweep may be made here; changes nothing."""
        if self.path.is_dir() and not any(self.path.iterdir()):
            return
        if self.path.exists():
            remedy = ", or --resume to go on with it" if self.record.is_file() else ""
            raise SweepError([f"{self.path} exists; give another --out{remedy}"])

    def make(self) -> None:
        """Makes what is missing of it.

        Raises:
            SweepError: It cannot be made.
        """
        try:
            for path in (self.trials, self.logs):
                path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SweepError([f"{self.path} cannot be made: {error.strerror}"]) from error

    def locked(self) -> AbstractContextManager[None]:
        """Keeps other sweeps out of the folder meanwhile.

        Raises:
            SweepError: One is at it.
        """
        return alone_in(self.path, SweepError([f"another sweep is running in {self.path}"]))

    def new_trial(self, number: int, settings: dict[str, Any], seed: int) -> Trial:
        """A trial that has not begun."""
        return self._trial(trials.name_of(number, settings), number, settings, seed)

    def write(self, asked: dict[str, Any], found: Sequence[Trial], best: Trial | None) -> None:
        """Records all."""
        content = {
            "version": _VERSION,
            "asked": asked,
            "best": best.name if best else None,
            "trials": [one.as_dict() for one in found],
        }
        with replace_file(self.record) as temporary:
            temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    def read(self) -> tuple[dict[str, Any], list[Trial]]:
        """What was asked for, and the trials there are.

        Raises:
            SweepError: There is no sweep, or its record is damaged.
        """
        try:
            content = json.loads(self.record.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SweepError(
                [f"{self.path} holds no sweep: {self.record.name} is missing"]
            ) from None
        except (OSError, ValueError) as error:
            raise SweepError([f"{self.record} cannot be read: {error}"]) from error
        try:
            found = [self._recorded(one) for one in content["trials"]]
            asked = dict(content["asked"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise SweepError([f"{self.record} is damaged: {error!r}"]) from error
        if content.get("version") != _VERSION:
            raise SweepError([f"{self.record} is of another version of tftrain"])
        return asked, found

    def write_table(self, found: Sequence[Trial], metric: str) -> None:
        """Writes trials.csv, a row a trial."""
        names = list(dict.fromkeys(name for one in found for name in one.settings))
        head = ["trial", *names, "seed", "state", "epochs", metric, "best_epoch", "seconds"]
        rows = map(_row, found, itertools.repeat(names))
        with (
            replace_file(self.table) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            csv.writer(file).writerows([[*head, "reason"], *rows])

    def _recorded(self, content: dict[str, Any]) -> Trial:
        found = self._trial(*(content[name] for name in ("name", "number", "settings", "seed")))
        for name in ("state", "reason", "epochs", "value", "best_epoch", "seconds"):
            setattr(found, name, content[name])
        if found.state not in _STATES:
            raise ValueError(found.state)
        return found

    def _trial(self, name: str, number: int, settings: dict[str, Any], seed: int) -> Trial:
        return Trial(number, settings, seed, self.trials / name, self.logs / f"{name}.log")


def _row(one: Trial, names: Sequence[str]) -> list[Any]:
    return [
        one.name,
        *(one.settings.get(name) for name in names),
        one.seed,
        one.state,
        one.epochs,
        one.value,
        one.best_epoch,
        round(one.seconds, 2),
        one.reason,
    ]
