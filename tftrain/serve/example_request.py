"""A command line that asks a model something, made from its signature, for a user to paste."""

from __future__ import annotations

import json
import math
import shlex
from typing import Any
from urllib.parse import quote

from tftrain.keras_api import tf

_INLINE = 16  # values that are still written out


def curl(url: str, name: str, signature: Any) -> str:
    """A shell command that sends one example of zeros to a model's `:predict`.

    Args:
        url: Of the server.
        name: The model.
        signature: Its SignatureDef.
    """
    example = {key: (_shape(info), _zero(info)) for key, info in sorted(signature.inputs.items())}
    target = shlex.quote(f"{url}/v1/models/{quote(name)}:predict")
    if sum(math.prod(shape) for shape, _ in example.values()) <= _INLINE:
        filled = {key: _filled(shape, zero) for key, (shape, zero) in example.items()}
        body = json.dumps({"instances": [_only(filled)]})
        return f"curl -s -d {shlex.quote(body)} {target}"
    made = {key: f"z({shape}, {json.dumps(zero)})" for key, (shape, zero) in example.items()}
    listed = ", ".join(f"{json.dumps(key)}: {call}" for key, call in made.items())
    instance = next(iter(made.values())) if len(made) == 1 else f"{{{listed}}}"
    program = (
        "import json; z = lambda s, v: [z(s[1:], v)] * s[0] if s else v; "
        f'print(json.dumps({{"instances": [{instance}]}}))'
    )
    return f"python3 -c {shlex.quote(program)} | curl -s -d @- {target}"


def _only(values: dict[str, Any]) -> Any:
    """What TF Serving takes for a row: with a single input, its value by itself."""
    return next(iter(values.values())) if len(values) == 1 else values


def _shape(info: Any) -> list[int]:
    """Of one row; sizes that are free are 1."""
    return [max(1, dim.size) for dim in info.tensor_shape.dim[1:]]


def _zero(info: Any) -> float | int | str:
    dtype = tf.dtypes.as_dtype(info.dtype)
    if dtype == tf.string:
        return ""
    return 0 if dtype.is_integer or dtype.is_bool else 0.0


def _filled(shape: list[int], value: Any) -> Any:
    return [_filled(shape[1:], value)] * shape[0] if shape else value
