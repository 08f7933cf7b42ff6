"""A command line that asks a model something, made from its signature, for a user to paste."""

from __future__ import annotations

import json
import math
from typing import Any
from urllib.parse import quote

from tftrain.keras_api import tf

_INLINE = 100  # values that are still written out


def curl(url: str, name: str, signature: Any) -> str:
    """A shell command that sends one example of zeros to a model's `:predict`.

    Args:
        url: Of the server.
        name: The model.
        signature: Its SignatureDef.
    """
    example = {key: (_shape(info), _zero(info)) for key, info in sorted(signature.inputs.items())}
    target = f"{url}/v1/models/{quote(name)}:predict"
    if sum(math.prod(shape) for shape, _ in example.values()) <= _INLINE:
        filled = {key: _filled(shape, zero) for key, (shape, zero) in example.items()}
        instance = next(iter(filled.values())) if len(filled) == 1 else filled
        return f"curl -d '{json.dumps({'instances': [instance]})}' {target}"
    made = ", ".join(f"{key!r}: z({shape}, {zero!r})" for key, (shape, zero) in example.items())
    instance = made.split(": ", 1)[1] if len(example) == 1 else f"{{{made}}}"
    program = (
        "import json; z = lambda s, v: [z(s[1:], v)] * s[0] if s else v; "
        f"print(json.dumps({{'instances': [{instance}]}}))"
    )
    return f'python3 -c "{program}" | curl -d @- {target}'


def _shape(info: Any) -> list[int]:
    """Of one row; sizes that are free are 1."""
    return [max(1, dim.size) for dim in info.tensor_shape.dim[1:]]


def _zero(info: Any) -> float | int | bool | str:
    dtype = tf.dtypes.as_dtype(info.dtype)
    if dtype == tf.string:
        return ""
    if dtype.is_bool:
        return False
    return 0 if dtype.is_integer else 0.0


def _filled(shape: list[int], value: Any) -> Any:
    return [_filled(shape[1:], value)] * shape[0] if shape else value
