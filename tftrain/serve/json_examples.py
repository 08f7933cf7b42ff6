"""What a `:classify` or `:regress` request holds: features by name, as tf.Example.

The kinds of values are those of TensorFlow Serving: integers and booleans are int64, other numbers
float32, strings and `{"b64": "..."}` bytes; a feature has values of one kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tftrain.errors import ServingError
from tftrain.keras_api import tf
from tftrain.serve.json_tensors import decode_base64, is_base64, is_lossless, lossy
from tftrain.serve.json_text import invalid, quoted, type_name

_KINDS = {bool: "int64", int: "int64", float: "float", str: "bytes", dict: "bytes"}
_LARGEST = 2**63 - 1


def examples(document: Mapping[str, Any]) -> list[bytes]:
    """Serialized tf.Example messages, one an element of the request's `examples`.

    Features of its `context` are in all of them, unless an example has one of the same name.

    Raises:
        ServingError: There are no examples, or one is not an object of features.

    Example:
        >>> (content,) = examples({"examples": [{"x": [1.5, 2.5]}]})
        >>> tf.train.Example.FromString(content).features.feature["x"].float_list.value
        [1.5, 2.5]
    """
    context = b"" if "context" not in document else _example(document["context"])
    if "examples" not in document:
        raise _misformatted(
            document, "When method is classify, key 'examples' is expected and was not found"
        )
    elements = document["examples"]
    if not isinstance(elements, list):
        raise _misformatted(document, "Expecting 'examples' value to be an list/array")
    if not elements:
        raise _misformatted(document, "'examples' value is an empty array")
    return [context + _example(element) for element in elements]  # protobuf's way to merge


def _misformatted(document: Mapping[str, Any], what: str) -> ServingError:
    return invalid(f"JSON Value: {quoted(document)} {what}")


def _example(value: Any) -> bytes:
    if not isinstance(value, dict):
        raise invalid(f"Example must be JSON object but got JSON {type_name(value)}")
    example = tf.train.Example()
    for name, content in value.items():
        _fill(name, content, example.features.feature[name])
    return example.SerializeToString()


def _fill(name: str, content: Any, feature: tf.train.Feature) -> None:
    values = content if isinstance(content, list) else [content]
    kinds = {_KINDS.get(kind) for kind in set(map(type, values))}
    if kinds == {"float"}:
        _check_floats(values)
        feature.float_list.value.extend(values)
    elif kinds == {"int64"}:
        _check_integers(name, values)
        feature.int64_list.value.extend(map(int, values))
    elif kinds == {"bytes"}:
        feature.bytes_list.value.extend(_bytes(name, value) for value in values)
    elif kinds:
        _explain(name, values)


def _check_floats(values: list[float]) -> None:
    for value in values:
        if not is_lossless(value, "float"):
            raise lossy(value, "float")


def _check_integers(name: str, values: list[int]) -> None:
    if max(values) > _LARGEST:
        raise invalid(f"Feature: {name} has uint64 element. Only int64 is supported.")


def _bytes(name: str, value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if not is_base64(value):
        raise _unexpected(name, value)
    return decode_base64(value)


def _explain(name: str, values: list[Any]) -> None:
    """Raises for the first value that is of no kind, or of another than the one before."""
    before = _KINDS.get(type(values[0]))
    for value in values:
        kind = _KINDS.get(type(value))
        if kind is None or (isinstance(value, dict) and not is_base64(value)):
            raise _unexpected(name, value)
        if kind != before:
            raise invalid(f"Unexpected element type in feature: {name} expecting type: {before}")


def _unexpected(name: str, value: Any) -> ServingError:
    return invalid(f"Feature: {name} has element with unexpected JSON type: {type_name(value)}")
