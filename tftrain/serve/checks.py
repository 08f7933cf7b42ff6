"""What a request must be before it reaches the graph: TF Serving's refusals, in its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tftrain.errors import ServingError
from tftrain.keras_api import tf

INVALID = "INVALID_ARGUMENT"


def input_order(signature: Any) -> list[str]:
    """The input names of a SignatureDef, in the order in which TensorFlow counts its arguments."""
    return sorted(signature.inputs, key=lambda name: signature.inputs[name].name)


def ordered_inputs(signature: Any, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The arrays in the order of `input_order`; defaults of the signature fill in.

    Shapes are left to the graph, as TF Serving does.

    Args:
        signature: A SignatureDef.
        inputs: Arrays by input name.

    Raises:
        ServingError: INVALID_ARGUMENT: inputs are missing or unknown, or have other dtypes.
    """
    _refuse_other_names(signature, inputs)
    arrays = []
    for place, name in enumerate(input_order(signature)):
        array = inputs[name] if name in inputs else tf.make_ndarray(signature.defaults[name])
        expected = tf.dtypes.as_dtype(signature.inputs[name].dtype)
        received = dtype_of(array)
        if received != expected:
            raise ServingError(
                INVALID,
                f"Expects arg[{place}] to be {_name(expected)} but {_name(received)} is provided",
            )
        arrays.append(array)
    return arrays


def output_names(signature: Any, asked: Sequence[str]) -> list[str]:
    """The outputs to fetch: those asked for, or all, sorted.

    Raises:
        ServingError: INVALID_ARGUMENT: one is unknown, or asked for twice.
    """
    known = sorted(signature.outputs)
    for place, name in enumerate(asked):
        if name not in signature.outputs:
            raise ServingError(
                INVALID,
                f"output tensor alias not found in signature: {name} Outputs expected to be in "
                f"the set {{{','.join(known)}}}.",
            )
        if name in asked[:place]:
            raise ServingError(INVALID, f"duplicate output tensor alias: {name}")
    return list(asked) or known


def rows(arrays: Sequence[np.ndarray]) -> int | None:
    """The number of rows that all arrays have; None if they have no rows in common."""
    sizes = {array.shape[0] if array.ndim else None for array in arrays}
    return sizes.pop() if len(sizes) == 1 else None


def fits(signature: Any, arrays: Sequence[np.ndarray]) -> bool:
    """Whether the shapes are those of the signature.

    Others are the graph's to refuse, in its words, and not to be joined with anything.

    Args:
        signature: A SignatureDef.
        arrays: In the order of `input_order`.
    """
    for name, array in zip(input_order(signature), arrays, strict=True):
        shape = signature.inputs[name].tensor_shape
        if shape.unknown_rank:
            continue
        sizes = [dim.size for dim in shape.dim]
        if len(sizes) != array.ndim or sizes[:1] != [-1]:
            return False
        if any(size not in (-1, has) for size, has in zip(sizes, array.shape, strict=True)):
            return False
    return True


def refuse_too_many(arrays: Sequence[np.ndarray], most: int) -> None:
    """Refuses more rows than one request may have.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    number = max((array.shape[0] for array in arrays if array.ndim), default=0)
    if number > most:
        raise ServingError(
            INVALID, f"Task size {number} is larger than maximum input batch size {most}"
        )


def dtype_of(array: np.ndarray) -> tf.DType:
    """The TensorFlow dtype of an array; an array of objects holds strings.

    Raises:
        ServingError: INVALID_ARGUMENT: TensorFlow has no such dtype.
    """
    try:
        return tf.dtypes.as_dtype(array.dtype)
    except TypeError as error:
        raise ServingError(INVALID, str(error)) from error


def refusal(error: Exception) -> ServingError:
    """What TensorFlow could not do, as the answer to the request."""
    if isinstance(error, tf.errors.OpError):
        name = _CODES.get(error.error_code, "UNKNOWN")
        return ServingError(name, error.message)
    return ServingError(INVALID, str(error))


def _refuse_other_names(signature: Any, received: Mapping[str, Any]) -> None:
    has, needs = set(received), set(signature.inputs)
    missing, defaults = needs - has - set(signature.defaults), set(signature.defaults)
    if len(has) > len(needs) or (len(has) < len(needs) and not defaults):
        raise ServingError(
            INVALID,
            f"input size does not match signature: {len(has)}!={len(needs)} len({_set(has)}) != "
            f"len({_set(needs)}). Sent extra: {_set(has - needs)}. Missing but required: "
            f"{_set(needs - has)}.",
        )
    if missing:
        name = min(missing)
        raise ServingError(
            INVALID,
            f"Signature input alias: {name}(feed name: {signature.inputs[name].name}) not found "
            f"in request and no default value provided. Inputs expected to be in the request "
            f"{_set(has)}, or default input alias set: {','.join(sorted(defaults))}",
        )
    if has - needs:
        raise ServingError(
            INVALID,
            f"Inputs contains invalid name. Used request inputs: {','.join(sorted(has & needs))}, "
            f"request input: {','.join(sorted(has))}",
        )


def _set(names: set[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"


def _name(dtype: tf.DType) -> str:
    return _CPP_NAMES.get(dtype.name, dtype.name)


_CPP_NAMES = {"float32": "float", "float64": "double", "float16": "half"}
_CODES = {
    1: "CANCELLED", 2: "UNKNOWN", 3: "INVALID_ARGUMENT", 4: "DEADLINE_EXCEEDED", 5: "NOT_FOUND",
    6: "ALREADY_EXISTS", 7: "PERMISSION_DENIED", 8: "RESOURCE_EXHAUSTED",
    9: "FAILED_PRECONDITION", 10: "ABORTED", 11: "OUT_OF_RANGE", 12: "UNIMPLEMENTED",
    13: "INTERNAL", 14: "UNAVAILABLE", 15: "DATA_LOSS", 16: "UNAUTHENTICATED",
}  # fmt: skip
