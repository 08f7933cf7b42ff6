"""What a `:predict` request holds: tensors in rows (`instances`) or in columns (`inputs`).

The formats, the checks and what is said of a bad request are those of TensorFlow Serving's REST
API (https://www.tensorflow.org/tfx/serving/api_rest).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

import numpy as np

from tftrain.errors import ServingError
from tftrain.serve.json_tensors import explain, flatten, is_base64, tensor
from tftrain.serve.json_text import invalid, quoted

_MANY = "input tensors required as per tensorinfo_map"


class Tensors(NamedTuple):
    """The inputs of a request.

    Attributes:
        inputs: Arrays by the names of the signature's inputs; the first axis is the batch's.
        rows: Whether the answer is wanted in rows, as the request was.
    """

    inputs: dict[str, np.ndarray]
    rows: bool


def signature_name(document: Mapping[str, Any]) -> str:
    """The signature that a request asks for; "" is the default one.

    Raises:
        ServingError: It is not a string.
    """
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {quoted(document)} not formatted correctly. 'signature_name' key must "
            "be a string value."
        )
    return name


def tensors(document: Mapping[str, Any], dtypes: Mapping[str, str]) -> Tensors:
    """The request's inputs as arrays.

    Args:
        document: The request's JSON object.
        dtypes: TensorFlow's name of the dtype, such as "float", of each input of the signature.

    Returns:
        Arrays by input, and whether they came in rows.

    Raises:
        ServingError: Not exactly one of `instances` and `inputs` is there, an input is missing or
            unknown, or values are not of the dtype or not of one shape.

    Example:
        >>> tensors({"instances": [[1, 2], [3, 4]]}, {"x": "int32"}).inputs
        {'x': array([[1, 2], [3, 4]], dtype=int32)}
        >>> tensors({"inputs": {"x": [1], "y": ["a"]}}, {"x": "int32", "y": "string"}).rows
        False
    """
    if "instances" in document and "inputs" in document:
        raise invalid(
            f"JSON Value: {quoted(document)} Not formatted correctly expecting only one of "
            "'inputs' or 'instances' keys to exist "
        )
    if "instances" in document:
        return Tensors(_rows(document, dtypes), rows=True)
    if "inputs" in document:
        return Tensors(_columns(document["inputs"], dtypes), rows=False)
    raise invalid("Missing 'inputs' or 'instances' key")


def _columns(value: Any, dtypes: Mapping[str, str]) -> dict[str, np.ndarray]:
    if not _is_object(value):
        if len(dtypes) > 1:
            raise invalid(
                f"inputs is a plain value/list, but expecting an object as multiple {_MANY}"
            )
        ((name, dtype),) = dtypes.items()
        return {name: tensor(value, dtype)}
    for name in dtypes:
        if name not in value:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: tensor(value[name], dtype) for name, dtype in dtypes.items()}


def _rows(document: Mapping[str, Any], dtypes: Mapping[str, str]) -> dict[str, np.ndarray]:
    instances = document["instances"]
    if not isinstance(instances, list):
        raise invalid(f"JSON Value: {quoted(document)} Excepting 'instances' to be an list/array")
    if not instances:
        raise invalid(f"JSON Value: {quoted(document)} No values in 'instances' array")
    if _is_object(instances[0]):
        return _named_rows(instances, dtypes)
    if len(dtypes) > 1:
        raise invalid(
            f"instances is a plain list, but expecting list of objects as multiple {_MANY}"
        )
    ((name, dtype),) = dtypes.items()
    for place, instance in enumerate(instances):
        if _is_object(instance):
            raise invalid(f"Expecting value/list but got object at item {place} of input list")
    return {name: _column(instances, dtype, "")}


def _named_rows(instances: list[Any], dtypes: Mapping[str, str]) -> dict[str, np.ndarray]:
    for place, instance in enumerate(instances):
        if not _is_object(instance):
            raise invalid(f"Expecting object but got list at item {place} of input list")
        if instance.keys() != dtypes.keys():
            _explain_names(place, instance, dtypes)
    return {
        name: _column([instance[name] for instance in instances], dtype, f" key: {name}")
        for name, dtype in dtypes.items()
    }


def _column(values: list[Any], dtype: str, key: str) -> np.ndarray:
    try:
        return tensor(values, dtype)
    except ServingError:
        _explain_rows(values, dtype, key)
        raise


def _explain_rows(values: list[Any], dtype: str, key: str) -> None:
    """Tells which instance is wrong: each is a tensor, and all are of the first one's shape."""
    expected: tuple[int, ...] | None = None
    for place, value in enumerate(values):
        try:
            shape = flatten(value).shape
            explain(value, shape, dtype)
            _check_shape(shape, shape if expected is None else expected)
            expected = shape
        except ServingError as error:
            raise ServingError(error.code, _of_element(place, key, error)) from None


def _check_shape(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    size, expected_size = int(np.prod(shape)), int(np.prod(expected))
    if size != expected_size:
        raise invalid(f"Expecting tensor size: {expected_size} but got: {size}")
    if shape != expected:
        raise invalid(f"Expecting shape {_brackets(expected)} but got: {_brackets(shape)}")


def _explain_names(place: int, instance: dict[str, Any], dtypes: Mapping[str, str]) -> NoReturn:
    for name in instance:
        if name not in dtypes:
            unknown = invalid(f"JSON object: does not have named input: {name}")
            raise invalid(_of_element(place, f" key: {name}", unknown))
    raise invalid(
        f"Failed to process element: {place} of 'instances' list. JSON object: {quoted(instance)} "
        f"keys must be equal to: {','.join(sorted(dtypes))}"
    )


def _of_element(place: int, key: str, error: ServingError) -> str:
    return f"Failed to process element: {place}{key} of 'instances' list. Error: {error}"


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def _brackets(shape: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, shape))}]"
