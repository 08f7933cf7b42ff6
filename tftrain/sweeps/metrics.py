"""The metric that trials are judged by, read from the lines they write as they go."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tftrain.errors import SweepError

FILE = "metrics.jsonl"
GOALS = ("max", "min")


def goal_of(metric: str, goal: str | None = None) -> str:
    """Whether the metric is to be large or small.

    Raises:
        SweepError: Its name does not tell, and nothing else does.

    Example:
        >>> goal_of("val_accuracy"), goal_of("val_loss")
        ('max', 'min')
    """
    if goal in GOALS:
        return goal
    if goal is not None:
        raise SweepError([f"goal is {goal!r}; expected max or min"])
    if "loss" in metric or "error" in metric:
        return "min"
    if "accuracy" in metric:
        return "max"
    raise SweepError([f"whether {metric} should be large or small is not known; give goal="])


def best(goal: str) -> Callable[..., Any]:
    """The function that finds the best of several values."""
    return max if goal == "max" else min


def read(folder: Path) -> list[dict[str, Any]]:
    """The lines of a trial, an epoch each; a last one that is not whole yet is left out."""
    try:
        text = (folder / FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):  # not begun, or being written
        return []
    found = []
    for line in text.splitlines(keepends=True):
        try:
            content = json.loads(line) if line.endswith("\n") else None
        except ValueError:
            content = None
        if not isinstance(content, dict):
            break
        found.append(content)
    return found


class Lines:
    """The lines of a trial under way, read only when there are others.

    Args:
        folder: The trial's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[int, ...] = ()

    def changed(self) -> list[dict[str, Any]] | None:
        """All lines; None if they are those of the last time."""
        try:
            found = (self._folder / FILE).stat()
        except OSError:  # not begun
            return None
        stamp = (found.st_ino, found.st_size, found.st_mtime_ns)
        if stamp == self._seen:
            return None
        self._seen = stamp  # taken before they are read: what comes meanwhile is read again
        return read(self._folder)


def wrong_in(line: dict[str, Any], metric: str) -> str:
    """Why a trial with this line is not worth going on with; empty if it is."""
    if metric not in line:
        numbers = ", ".join(name for name, value in line.items() if isinstance(value, float))
        return f"{FILE} has no {metric}; it has {numbers or 'no numbers'}"
    for name in (metric, "loss"):
        if line.get(name, 0.0) is None:  # JSON has no other word for what is not a number
            return f"{name} is not a number: diverged"
    return ""
