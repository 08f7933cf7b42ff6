"""Nested lists to arrays, by the dtype of a SignatureDef.

The checks are those of TensorFlow Serving: nothing is rounded to an integer, no boolean is taken
for a number, no number for a string, and an integer that a float cannot hold is refused. All values
are looked at at once; one by one only to tell which was wrong.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from tftrain.errors import ServingError
from tftrain.serve.json_text import invalid, quoted, type_name

FLOATS = {"float": np.dtype(np.float32), "double": np.dtype(np.float64)}
INTEGERS = {
    name: np.dtype(name)
    for name in ("int8", "uint8", "int16", "int32", "uint32", "int64", "uint64")
}
_LARGEST_INTEGER = {"float": 2**24 - 1, "double": 2**53 - 1}  # that floats hold, like all below
# As JSON has them: the shortest text of the largest float32 is a little more than it, as float64.
_LARGEST_FLOAT = {name: float(str(np.finfo(kind).max)) for name, kind in FLOATS.items()}
_RANKS = 32  # dimensions of an array, at most
_BLANKS = dict.fromkeys(map(ord, " \t\n\r\v\f"))


class Nested(NamedTuple):
    """A tensor as JSON has it: its shape, by the first elements, and its values in order."""

    shape: tuple[int, ...]
    values: list[Any]
    even: bool


def tensor(value: Any, dtype: str) -> np.ndarray:
    """The value as an array.

    Args:
        value: A scalar, or lists of scalars in any depth. A string may be `{"b64": "..."}`.
        dtype: "float", "double", "int8" to "int64", "uint8", "uint32", "uint64", "bool",
            "string": TensorFlow's name of it.

    Returns:
        An array of the dtype and of the lists' shape; of `object`, bytes, for "string".

    Raises:
        ServingError: The lists are uneven, or a value is not of the dtype.

    Example:
        >>> tensor([[1, 2], [3, 4.5]], "float")
        array([[1. , 2. ],
               [3. , 4.5]], dtype=float32)
    """
    nested = flatten(value)
    array = _convert(nested, dtype) if nested.even else None
    if array is None:
        explain(value, nested.shape, dtype)
        array = _convert(nested, dtype, checked=True)
    return array.reshape(nested.shape)


def flatten(value: Any) -> Nested:
    """The shape of nested lists and their values.

    Raises:
        ServingError: More dimensions than an array has.
    """
    level, shape = [value], []
    while level and type(level[0]) is list:
        if len(shape) == _RANKS:
            raise invalid(f"Encountered list at level: {_RANKS}; tensors have fewer dimensions")
        shape.append(len(level[0]))
        if set(map(type, level)) != {list} or len(set(map(len, level))) != 1:
            return Nested(_shape(value), [], even=False)
        level = list(itertools.chain.from_iterable(level))
    return Nested(tuple(shape), level, even=True)


def explain(value: Any, shape: tuple[int, ...], dtype: str, level: int = 0) -> None:
    """Raises for the first value that is not where it should be, or not what it should be.

    Raises:
        ServingError: There is one.
    """
    if type(value) is not list:
        if level != len(shape):
            raise invalid(
                f"JSON Value: {quoted(value)} found at incorrect level: {level + 1} in the JSON "
                f"DOM. Expected at level: {len(shape)}"
            )
        _explain_scalar(value, dtype)
        return
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: "
            f"{shape[level]}"
        )
    for element in value:
        explain(element, shape, dtype, level + 1)


def is_base64(value: Any) -> bool:
    """Whether it is an object `{"b64": "..."}` and nothing else."""
    return type(value) is dict and len(value) == 1 and type(value.get("b64")) is str


def decode_base64(value: Any) -> bytes:
    """The bytes of `{"b64": "..."}`; padding may be absent.

    Raises:
        ServingError: It is not such an object, or not base64.
    """
    if not is_base64(value):
        raise invalid(f"JSON Value: {quoted(value)} not formatted correctly for base64 data")
    text = value["b64"].translate(_BLANKS)
    padding = "" if "=" in text else "=" * (-len(text) % 4)
    try:
        return base64.b64decode(text + padding, validate=True)
    except (binascii.Error, ValueError):
        raise invalid("Unable to base64 decode") from None


def is_lossless(value: int | float, dtype: str) -> bool:
    """Whether TensorFlow Serving takes the number for a "float" or "double"."""
    if isinstance(value, int):
        return abs(value) <= _LARGEST_INTEGER[dtype]
    return not math.isfinite(value) or abs(value) <= _LARGEST_FLOAT[dtype]


def lossy(value: int | float, dtype: str) -> ServingError:
    """What is said of a number that is not."""
    return invalid(
        f"Cannot convert JSON value: {quoted(value)} to {dtype} without loss of precision."
    )


def _shape(value: Any) -> tuple[int, ...]:
    shape = []
    while type(value) is list and len(shape) < _RANKS:
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def _convert(nested: Nested, dtype: str, checked: bool = False) -> np.ndarray | None:
    """None if a value may be wrong."""
    types = set(map(type, nested.values))
    if dtype in FLOATS and types <= {int, float}:
        return _floats(nested.values, dtype, checked or int not in types)
    if dtype in INTEGERS and types <= {int}:
        return _integers(nested.values, INTEGERS[dtype])
    if dtype == "bool" and types <= {bool}:
        return np.array(nested.values, bool)
    if dtype == "string" and types <= {str, dict}:
        return _strings(nested.values)
    return None


def _floats(values: list[Any], dtype: str, checked: bool) -> np.ndarray | None:
    array = np.fromiter(values, np.float64, len(values))
    size = np.abs(array)
    if not checked and (size > _LARGEST_INTEGER[dtype]).any():
        return None
    if (np.isfinite(size) & (size > _LARGEST_FLOAT[dtype])).any():
        return None
    return array.astype(FLOATS[dtype])


def _integers(values: list[int], dtype: np.dtype) -> np.ndarray | None:
    limits = np.iinfo(dtype)
    if dtype == np.uint64:  # more than int64 holds
        return np.array(values, dtype) if not values or min(values) >= 0 else None
    try:
        array = np.fromiter(values, np.int64, len(values))
    except OverflowError:
        return None
    if array.size and not (limits.min <= array.min() and array.max() <= limits.max):
        return None
    return array.astype(dtype)


def _strings(values: list[Any]) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = [value.encode() if type(value) is str else decode_base64(value) for value in values]
    return array


def _explain_scalar(value: Any, dtype: str) -> None:
    number = type(value) in (int, float)
    if dtype == "string":
        if type(value) is dict:
            decode_base64(value)
            return
        fits = type(value) is str
    elif dtype in FLOATS:
        fits = number
    elif dtype in INTEGERS:
        limits = np.iinfo(INTEGERS[dtype])
        fits = type(value) is int and limits.min <= value <= limits.max
    elif dtype == "bool":
        fits = type(value) is bool
    else:
        text = f"Conversion of JSON Value: {quoted(value)} to type: {dtype}"
        raise ServingError("UNIMPLEMENTED", text)
    if not fits:
        raise invalid(
            f"JSON Value: {quoted(value)} Type: {type_name(value)} is not of expected type: {dtype}"
        )
    if dtype in FLOATS and not is_lossless(value, dtype):
        raise lossy(value, dtype)
