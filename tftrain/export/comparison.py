"""How arrays by name differ from those that were expected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


def differences(
    expected: Mapping[str, Any], found: Mapping[str, Any], tolerance: float
) -> Iterator[tuple[str, str]]:
    """Names of arrays that are not as expected, and how they differ.

    Args:
        expected: Arrays by name.
        found: Likewise.
        tolerance: Of floats, relative to the largest expected value, or to 1 if that is larger.
            NaN equals NaN, and an infinite number itself. All else must be equal.

    Example:
        >>> list(differences({"y": np.float32([1, 2])}, {"y": np.float32([1, 2.5])}, 1e-5))
        [('y', 'differs by up to 0.25 of the largest value (allowed 1e-05): expected 2.0 at [1], \
received 2.5')]
    """
    for name in sorted(set(expected) | set(found)):
        if name not in found:
            yield name, "is missing"
        elif name not in expected:
            yield name, "is not expected"
        else:
            difference = _difference(*_alike(expected[name], found[name]), tolerance)
            if difference:
                yield name, difference


def in_bytes(arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Arrays by name, texts as bytes, the way that TensorFlow keeps them."""
    return {name: _in_bytes(np.asarray(array)) for name, array in arrays.items()}


def _in_bytes(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "OSU":
        return array
    texts = np.empty(array.shape, dtype=object)
    for place, text in np.ndenumerate(array):
        texts[place] = text.encode() if isinstance(text, str) else bytes(text)
    return texts


def _alike(expected: Any, found: Any) -> tuple[np.ndarray, np.ndarray]:
    return _in_bytes(np.asarray(expected)), _in_bytes(np.asarray(found))


def _difference(expected: np.ndarray, found: np.ndarray, tolerance: float) -> str | None:
    if expected.dtype != found.dtype:
        return f"is {_dtype(found)}; expected {_dtype(expected)}"
    if expected.shape != found.shape:
        return f"has shape {found.shape}; expected {expected.shape}"
    if np.issubdtype(expected.dtype, np.inexact):
        return _of_floats(expected, found, tolerance)
    different = np.asarray(expected != found)
    if not different.any():
        return None
    count = int(different.sum())
    return f"{_shown(expected, found, np.argmax(different))} ({count} of {different.size} differ)"


def _of_floats(expected: np.ndarray, found: np.ndarray, tolerance: float) -> str | None:
    wide = np.result_type(expected.dtype, np.float64)
    wanted, given = expected.astype(wide), found.astype(wide)
    same = (wanted == given) | (np.isnan(wanted) & np.isnan(given))
    unlike = ~same & ~(np.isfinite(wanted) & np.isfinite(given))
    if unlike.any():
        return _shown(expected, found, np.argmax(unlike))
    finite = np.isfinite(wanted)
    distance = np.abs(np.where(finite, given, 0) - np.where(finite, wanted, 0))
    scale = max(1.0, float(np.abs(wanted[finite]).max(initial=0)))
    largest = float(distance.max(initial=0)) / scale
    if largest <= tolerance:
        return None
    of = "" if scale == 1 else " of the largest value"
    where = _shown(expected, found, np.argmax(distance))
    return f"differs by up to {largest:.2g}{of} (allowed {tolerance:g}): {where}"


def _shown(expected: np.ndarray, found: np.ndarray, flat: Any) -> str:
    place = tuple(map(int, np.unravel_index(int(flat), expected.shape)))
    at = f" at {list(place)}" if place else ""
    return f"expected {_value(expected[place])}{at}, received {_value(found[place])}"


def _value(value: Any) -> str:
    return repr(value) if isinstance(value, bytes) else str(value)


def _dtype(array: np.ndarray) -> str:
    return "string" if array.dtype.kind == "O" else array.dtype.name
