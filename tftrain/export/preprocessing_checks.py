"""Whether a preprocessing can be part of the graph, and gives what the model takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tftrain.errors import BadInput, ExportError
from tftrain.export.graph_checks import require_no_python
from tftrain.export.served_model import ServedModel, require_fit
from tftrain.keras_api import quiet_logger, tf

_REMEDY = "write it with functions of TensorFlow or keras.ops, which the graph can hold"
_ROWS = 3


def check(served: ServedModel, examples: Mapping[str, np.ndarray]) -> None:
    """Traces the preprocessing and tries it on a batch of three.

    Args:
        served: With a preprocessing, or without.
        examples: Raw inputs, at least three.

    Raises:
        ExportError: It needs Python, gives other shapes or dtypes than the model takes, or
            another number of rows than it was given.
    """
    if served.preprocessing is None:
        return
    function = tf.function(lambda **raw: served.prepared(raw), autograph=False)
    try:
        with quiet_logger():  # it comments on lambdas that share a line
            concrete = function.get_concrete_function(**served.raw)
    except Exception as error:
        raise ExportError(f"preprocessing cannot be traced ({_line(error)}): {_REMEDY}") from error
    require_no_python(concrete.graph, "preprocessing")
    for name, tensor in concrete.structured_outputs.items():
        require_fit(served.signature, name, tensor, "preprocessing")
        if tensor.shape[0] is not None:
            raise _other_rows(f"gives {tensor.shape[0]} rows for {name!r} whatever it is given")
    _try(concrete, {name: tf.constant(rows[:_ROWS]) for name, rows in examples.items()})


def _try(concrete: Any, batch: Mapping[str, Any]) -> None:
    try:
        given = concrete(**batch)
    except Exception as error:
        raise ExportError(
            f"preprocessing fails on {_ROWS} rows ({_line(error)}): try it on such a batch, and "
            "give examples of what it will get (warmup=)"
        ) from error
    for name, tensor in given.items():
        if tensor.shape[0] != _ROWS:
            raise _other_rows(f"makes {tensor.shape[0]} rows of {_ROWS} for {name!r}")


def _other_rows(what: str) -> ExportError:
    return ExportError(
        f"preprocessing {what}: a server puts requests together and takes the answers apart by "
        "their rows, so there must be one row out for each row in"
    )


def _line(error: Exception) -> str:
    if isinstance(error, BadInput):
        return str(error)
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
