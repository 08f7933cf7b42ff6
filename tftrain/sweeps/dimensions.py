"""What a setting may be in the trials of a sweep."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from tftrain.errors import SweepError

Value: TypeAlias = str | int | float | bool | None
_DIGITS = 4  # of what is drawn from a range, so that a setting can be read and typed


@dataclasses.dataclass(frozen=True)
class Choices:
    """One of several values.

    Args:
        values: At least one, no two alike.

    Raises:
        SweepError: There are none, or one stands there twice.
    """

    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(self.values))
        if not self.values:
            raise SweepError(["no values to choose from; expected at least one"])
        for place, value in enumerate(self.values):
            if value in self.values[:place]:
                raise SweepError([f"{value!r} stands there twice"])

    def extremes(self) -> tuple[Value, ...]:
        """Values that stand for all of them in a check: here, all."""
        return self.values

    def as_dict(self) -> dict[str, Any]:
        """What JSON can hold."""
        return {"choices": list(self.values)}


@dataclasses.dataclass(frozen=True)
class Range:
    """A number between two others, which it may be; a whole one if both are.

    Args:
        low: The smallest.
        high: The largest.
        log: Whether every power of ten is as likely as every other.

    Raises:
        SweepError: `high` is not above `low`, or a logarithmic range does not begin above 0.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise SweepError([f"{self.low:g}:{self.high:g} is no range; expected LOW:HIGH"])
        if self.log and self.low <= 0:
            raise SweepError([f"a logarithmic range begins above 0; received {self.low:g}"])

    @property
    def is_whole(self) -> bool:
        """Whether it is of whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def extremes(self) -> tuple[Value, ...]:
        """Values that stand for all of them in a check."""
        return self.low, self.high

    def rounded(self, value: float) -> float:
        """A drawn number with as many digits as are worth typing.

        Example:
            >>> Range(1e-4, 1e-1, log=True).rounded(0.0123456789)
            0.01235
        """
        if self.is_whole:
            return int(value)
        return min(max(float(f"{value:.{_DIGITS}g}"), self.low), self.high)

    def as_dict(self) -> dict[str, Any]:
        """What JSON can hold."""
        return {"low": self.low, "high": self.high, "log": self.log}


Dimension: TypeAlias = Choices | Range


def from_dict(content: dict[str, Any]) -> Dimension:
    """What `as_dict` gave."""
    if "choices" in content:
        return Choices(tuple(content["choices"]))
    return Range(content["low"], content["high"], content["log"])


def parse(text: str, kind: type, *, for_grid: bool, optional: bool = False) -> Dimension:
    """What a flag says a setting may be.

    Args:
        text: `a,b,c`, or `a|b` where values have commas; of numbers also `LOW:HIGH`,
            `log:LOW:HIGH`, and with a third number so many points of that range.
        kind: The type of the setting: int, float or str.
        for_grid: Whether all values have to be listed.
        optional: Whether the setting may be left alone, which is written `none`.

    Raises:
        SweepError: It cannot be read so.

    Example:
        >>> parse("sgd,adam", str, for_grid=True).values
        ('sgd', 'adam')
        >>> parse("log:1e-4:1e-1:4", float, for_grid=True).values
        (0.0001, 0.001, 0.01, 0.1)
        >>> parse("16:256", int, for_grid=False)
        Range(low=16, high=256, log=False)
    """
    if kind is not str and ":" in text:
        return _range(text, kind, for_grid)
    words = text.split("|") if "|" in text else text.split(",")
    return Choices(tuple(_value(word.strip(), kind, optional) for word in words))


def _value(word: str, kind: type, optional: bool) -> Value:
    if optional and word == "none":
        return None
    try:
        value = kind(word)
    except ValueError:
        value = None
    if value is None or word == "":
        raise SweepError([f"{word!r} is not {_ARTICLES[kind]}"])
    return value


_ARTICLES = {int: "a whole number", float: "a number", str: "a text"}


def _range(text: str, kind: type, for_grid: bool) -> Dimension:
    log = text.startswith("log:")
    words = text.removeprefix("log:").split(":")
    if len(words) not in (2, 3):
        raise SweepError([f"{text!r} is no range; expected LOW:HIGH or log:LOW:HIGH"])
    found = Range(*(_value(word.strip(), kind, False) for word in words[:2]), log=log)
    if len(words) == 3:
        if not for_grid:
            raise SweepError([f"{text!r} lists points, which belong to a grid; expected LOW:HIGH"])
        return Choices(tuple(dict.fromkeys(_points(found, _value(words[2], int, False)))))
    if not for_grid:
        return found
    if log or not found.is_whole:
        raise SweepError([f"{text!r} has no end of values; expected {text}:POINTS in a grid"])
    return Choices(tuple(range(found.low, found.high + 1)))


def _points(found: Range, count: int) -> Iterator[Value]:
    if count < 2:
        raise SweepError([f"{count} points are too few for a range; expected 2 or more"])
    low, high = found.low, found.high
    for place in range(count):
        share = place / (count - 1)
        value = low * (high / low) ** share if found.log else low + (high - low) * share
        yield found.rounded(round(value) if found.is_whole else value)


def as_dimension(given: Dimension | Sequence[Value]) -> Dimension:
    """A list of values stands for the choice between them.

    Raises:
        SweepError: It is neither.
    """
    if isinstance(given, (Choices, Range)):
        return given
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise SweepError([f"{given!r} is nothing to choose from; expected a list, or a Range"])
    return Choices(tuple(given))
