"""What a user reads of bad steps: lines on stderr, and a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tftrain import distribute
from tftrain.atomic import replace_file
from tftrain.callbacks.bad_steps import BadStep
from tftrain.notices import notice

_LINES = 5  # of an epoch; the others are counted


class BadStepLog:
    """Keeps bad steps and tells them; of several workers only the chief does.

    Args:
        strategy: That of the model.
        path: A file for a line of JSON each; None for none.

    Attributes:
        events: Those of which all is known.
        bad_steps: The number of all.
    """

    def __init__(self, strategy: Any, path: Path | None) -> None:
        self._is_writer = distribute.is_writer(strategy)
        self._path = path
        self.events: list[BadStep] = []
        self.bad_steps = 0
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Lets lines be printed again."""
        self._told = self._untold = 0

    def end_epoch(self, epoch: int) -> None:
        """Says how many were not told; the epoch counts from 0."""
        if self._untold:
            self.say(f"{self._untold} more bad steps in epoch {epoch + 1}")

    def add(self, found: Sequence[BadStep], count: int, aloud: bool) -> None:
        """Takes bad steps in.

        Args:
            found: Those of which all is known.
            count: How many there were.
            aloud: Whether to print them.
        """
        self.events += found
        self.bad_steps += count
        self._write()
        if aloud:
            told = found[: max(0, _LINES - self._told)]
            for event in told:
                self.say(f"a bad step left out: {event}")
            self._told += len(told)
            self._untold += count - len(told)

    def say(self, text: str) -> None:
        """Prints a line."""
        if self._is_writer:
            notice(text)

    def state(self) -> dict[str, Any]:
        """What a training that goes on must know."""
        events = [event.as_json() for event in self.events]
        return {"bad_steps": self.bad_steps, "events": events}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes it back; the file then holds what was known at the checkpoint."""
        self.bad_steps = state["bad_steps"]
        self.events = [BadStep.of_json(fields) for fields in state["events"]]
        if self._path is not None and self._path.exists():
            self._write()

    def _write(self) -> None:
        """The whole file, so that a training that goes on repeats no line and leaves none out."""
        if self._path is None or not self._is_writer:
            return
        with replace_file(self._path) as temporary:
            lines = [json.dumps(event.as_json(), allow_nan=False) for event in self.events]
            temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
