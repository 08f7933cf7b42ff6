"""One training of a sweep: what it is given, and how far it has come."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

from tftrain.sweeps.space import Settings

WAITING, RUNNING, PAUSED = "waiting", "running", "paused"
FINISHED, STOPPED, FAILED = "finished", "stopped", "failed"
ENDED = (FINISHED, STOPPED, FAILED)
_LONGEST_NAME = 60


@dataclasses.dataclass
class Trial:
    """A training of a sweep.

    Attributes:
        number: From 0.
        settings: What is varied, and what it is here.
        seed: For all of its randomness.
        folder: Its run folder.
        log: What it prints.
        state: waiting, running, paused (half done), finished, stopped (early) or failed.
        reason: Why it was stopped or has failed.
        epochs: How many it has behind it.
        value: The best value of the sweep's metric so far; None if there is none.
        best_epoch: The epoch that had it.
        seconds: For how long it has run, its starts included.
    """

    number: int
    settings: Settings
    seed: int
    folder: Path
    log: Path
    state: str = WAITING
    reason: str = ""
    epochs: int = 0
    value: float | None = None
    best_epoch: int | None = None
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """The last part of its folder."""
        return self.folder.name

    def as_dict(self) -> dict[str, Any]:
        """What is recorded of it."""
        content = {"name": self.name, **dataclasses.asdict(self), "seconds": round(self.seconds, 2)}
        return {name: value for name, value in content.items() if name not in ("folder", "log")}


def name_of(number: int, settings: Settings) -> str:
    """A name for a trial's folder.

    Example:
        >>> name_of(3, {"optimizer": "adam", "learning_rate": 0.01})
        '003-adam-0.01'
    """
    words = [f"{number:03d}", *(f"{value}" for value in settings.values())]
    name = "-".join(re.sub(r"[^\w.+-]+", "_", word) for word in words)
    return name[:_LONGEST_NAME].rstrip("-._")
