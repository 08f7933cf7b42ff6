"""A mesh as it is asked for: the names and sizes of its axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

BATCH = "batch"
MODEL = "model"

_EXPECTED = (
    "expected the sizes of its axes, as {'batch': 2, 'model': 2}, or 'batch=2,model=2' in a flag"
)


def parse(mesh: Mapping[str, int] | str) -> dict[str, int]:
    """The axes of a mesh, in the order given.

    Args:
        mesh: Sizes by name, or `NAME=SIZE,...`.

    Raises:
        ValueError: It is neither.

    Example:
        >>> parse("batch=1,model=2")
        {'batch': 1, 'model': 2}
    """
    if isinstance(mesh, str):
        pairs = [part.partition("=") for part in mesh.split(",")]
        if len({name for name, _, _ in pairs}) < len(pairs):
            raise ValueError(f"mesh {mesh!r} names an axis twice; {_EXPECTED}")
        mesh = {name.strip(): _number(size.strip()) for name, _, size in pairs}
    if not isinstance(mesh, Mapping) or not mesh:
        raise ValueError(f"mesh is {mesh!r}; {_EXPECTED}")
    for name, size in mesh.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"mesh has an axis named {name!r}; {_EXPECTED}")
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise ValueError(
                f"mesh axis {name!r} has size {size!r}, no whole number above 0; {_EXPECTED}"
            )
    return dict(mesh)


def _number(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def problems(mesh: Any) -> Iterator[str]:
    """What is wrong with a mesh, in a sentence."""
    try:
        parse(mesh)
    except ValueError as error:
        yield str(error)


def shown(axes: Mapping[str, int]) -> str:
    """The mesh in words.

    Example:
        >>> shown({"batch": 2, "model": 4})
        'batch=2 x model=4'
    """
    return " x ".join(f"{name}={size}" for name, size in axes.items())


def devices(axes: Mapping[str, int]) -> int:
    """How many devices the mesh takes."""
    return math.prod(axes.values())
