"""All settings that a sweep varies: which combinations there are, and which to check beforehand."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from tftrain.sweeps.dimensions import Choices, Dimension, Value

Space: TypeAlias = Mapping[str, Dimension]
Settings: TypeAlias = dict[str, Value]

_MOST_CHECKED = 500
_MOST_SHUFFLED = 100_000


def is_finite(space: Space) -> bool:
    """Whether all values are listed."""
    return all(isinstance(one, Choices) for one in space.values())


def size(space: Space) -> int:
    """How many combinations lists have."""
    return math.prod(len(one.values) for one in space.values())


def combinations(space: Space) -> Iterator[Settings]:
    """Every combination of lists; the last setting varies fastest."""
    for values in itertools.product(*(one.values for one in space.values())):
        yield dict(zip(space, values, strict=True))


def shuffled(space: Space, seed: int) -> list[Settings] | None:
    """Every combination once, in an order that follows from the seed; None if there are too many.

    Drawn one by one, few combinations would come twice before all have come.
    """
    if not is_finite(space) or size(space) > _MOST_SHUFFLED:
        return None
    found = list(combinations(space))
    random.Random(seed).shuffle(found)
    return found


def checked(space: Space) -> Iterator[Settings]:
    """Combinations to check before anything starts.

    All of them if they are listed and not too many; else such that every two values of two
    settings, of ranges the ends, stand in one: what is refused is refused for one setting, or for
    two that do not go together.
    """
    if is_finite(space) and size(space) <= _MOST_CHECKED:
        yield from combinations(space)
        return
    first = {name: one.extremes()[0] for name, one in space.items()}
    if len(space) == 1:
        yield from ({name: value} for name, one in space.items() for value in one.extremes())
    for (name, one), (other, second) in itertools.combinations(space.items(), 2):
        for value, beside in itertools.product(one.extremes(), second.extremes()):
            yield {**first, name: value, other: beside}
