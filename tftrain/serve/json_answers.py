"""What a request is answered with, as JSON.

`orjson` writes arrays as they are, a float32 in the fewest digits that give it back; the standard
library writes those with NaN or Infinity, for which TensorFlow Serving uses these very words,
though JSON has none.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import orjson

from tftrain.serve.json_text import invalid

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
_BYTES = "_bytes"  # how the name of an output ends that is not text


def predictions(outputs: Mapping[str, np.ndarray], rows: bool) -> bytes:
    """The answer to `:predict`.

    Strings are text, unless the output's name ends in `_bytes`: then `{"b64": "..."}`.

    Args:
        outputs: Arrays by name.
        rows: In rows (`predictions`: an object a row, or its value if there is one output), or in
            columns (`outputs`: an object, or its value if there is one output).

    Raises:
        ServingError: There is no output, one of a dtype that JSON cannot tell, or, in rows, no
            common batch axis.

    Example:
        >>> predictions({"y": np.array([[0.1, 0.9]], np.float32)}, rows=True)
        b'{"predictions":[[0.1,0.9]]}\\n'
    """
    if not outputs:
        raise invalid("Cannot convert empty tensor map to JSON")
    values = {name: _value(name, array) for name, array in outputs.items()}
    if rows:
        _check_batch(outputs)
        return _write({"predictions": _rows(values)}, outputs.values())
    single = len(values) == 1
    return _write({"outputs": next(iter(values.values())) if single else values}, outputs.values())


def classifications(classes: np.ndarray | None, scores: np.ndarray | None) -> bytes:
    """The answer to `:classify`: a list of pairs of class and score an example.

    Args:
        classes: Strings `[B, K]`, or None where the signature has none.
        scores: Floats `[B, K]`, or None.

    Raises:
        ServingError: There is no example.
    """
    if scores is None:
        scores = np.zeros(np.shape(classes), np.float32)
    labels = np.full(scores.shape, "", object) if classes is None else _texts("", classes)
    if not len(scores):
        raise invalid("Cannot convert empty ClassificationResults to JSON")
    pairs = [list(zip(*row, strict=True)) for row in zip(labels, scores, strict=True)]
    return _write({"results": pairs}, [scores])


def regressions(values: np.ndarray) -> bytes:
    """The answer to `:regress`: a number an example, of floats `[B]`.

    Raises:
        ServingError: There is no example.
    """
    if not len(values):
        raise invalid("Cannot convert empty RegressionResults to JSON")
    return _write({"results": values}, [values])


def refusal(message: str) -> bytes:
    """The body of every answer that is an error."""
    return _write({"error": message.encode(errors="replace").decode()}, [])


def _rows(values: Mapping[str, Any]) -> Any:
    if len(values) == 1:
        return next(iter(values.values()))
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


def _check_batch(outputs: Mapping[str, np.ndarray]) -> None:
    expected = None
    for name, array in outputs.items():
        if not array.ndim:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if expected not in (None, len(array)):
            raise invalid(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: "
                f"{expected}"
            )
        expected = len(array)


def _value(name: str, array: np.ndarray) -> Any:
    if array.dtype.kind in "OSU":
        return _texts(name, array).tolist()
    if array.dtype.kind not in "biuf":
        raise invalid(f"Failed to write JSON value for tensor type: {array.dtype.name}")
    return np.ascontiguousarray(array) if array.ndim else array[()]


def _texts(name: str, array: np.ndarray) -> np.ndarray:
    write = _base64 if name.endswith(_BYTES) else _text
    return np.asarray(np.frompyfunc(write, 1, 1)(array), object)


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode(errors="replace")


def _base64(value: bytes | str) -> dict[str, str]:
    content = value.encode() if isinstance(value, str) else value
    return {"b64": base64.b64encode(content).decode()}


def _write(document: Mapping[str, Any], arrays: Iterable[np.ndarray]) -> bytes:
    """Like `orjson`, which writes null for NaN, and NaN where one of the arrays has it."""
    if all(array.dtype.kind != "f" or np.isfinite(array).all() for array in arrays):
        return orjson.dumps(document, option=_OPTIONS)
    return (json.dumps(document, default=_plain, ensure_ascii=False) + "\n").encode()


def _plain(value: np.ndarray | np.generic) -> Any:
    if value.dtype.kind != "f":
        return value.tolist()
    shortest = [float(str(number)) for number in np.ravel(value)]
    return np.reshape(np.array(shortest, np.float64), value.shape).tolist()
