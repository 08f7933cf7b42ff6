"""Arrays within a structure of plain values, taken out and put back."""

from __future__ import annotations

from typing import Any

import numpy as np

_MARK = "__array__"


def take_out(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """The value with marks in place of its arrays, which go to `arrays` by name.

    Args:
        value: Dicts, lists and tuples of arrays and of what JSON can hold.
        name: What the names of the arrays begin with.
        arrays: Where they go.

    Example:
        >>> arrays = {}
        >>> take_out({"best": [np.zeros(2)], "wait": 1}, "stop", arrays)
        {'best': [{'__array__': 'stop/best/0'}], 'wait': 1}
        >>> put_back({"best": [{"__array__": "stop/best/0"}]}, arrays)
        {'best': [array([0., 0.])]}
    """
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {_MARK: name}
    if isinstance(value, dict):
        return {key: take_out(part, f"{name}/{key}", arrays) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [take_out(part, f"{name}/{i}", arrays) for i, part in enumerate(value)]
    return value


def put_back(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The value with its arrays again."""
    if isinstance(value, dict):
        if set(value) == {_MARK}:
            return arrays[value[_MARK]]
        return {key: put_back(part, arrays) for key, part in value.items()}
    if isinstance(value, list):
        return [put_back(part, arrays) for part in value]
    return value
