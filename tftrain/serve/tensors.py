"""TensorProtos as arrays and back, and the examples of an Input; what is malformed is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tftrain.errors import ServingError
from tftrain.keras_api import tf
from tftrain.serve.checks import INVALID
from tftrain.serve.stubs import tensor_pb2

_ELEMENTS = 2**26  # a few bytes of a request may stand for so many equal elements, and no more

_FIELDS = {  # of TensorProto, by the dtypes whose values they hold as they are
    "float32": "float_val", "float64": "double_val", "int32": "int_val", "int16": "int_val",
    "uint16": "int_val", "int8": "int_val", "uint8": "int_val", "int64": "int64_val",
    "bool": "bool_val", "uint32": "uint32_val", "uint64": "uint64_val",
}  # fmt: skip


def arrays_of(protos: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of a request's inputs, by name; those of fixed-size elements are not copied.

    Raises:
        ServingError: INVALID_ARGUMENT: one is malformed.
    """
    return {name: array_of(proto, name) for name, proto in protos.items()}


def array_of(proto: Any, name: str) -> np.ndarray:
    """The array of a TensorProto.

    Args:
        proto: The tensor.
        name: What an error calls it.

    Raises:
        ServingError: INVALID_ARGUMENT: dtype, shape and contents do not agree.
    """
    try:
        return _array(proto)
    except (TypeError, ValueError, OverflowError, KeyError) as error:
        raise ServingError(INVALID, f"tensor parsing error: {name}") from error


def _array(proto: Any) -> np.ndarray:
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    number = math.prod(shape)
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise ValueError("the shape is not known")
    dtype = tf.dtypes.as_dtype(proto.dtype)
    if dtype == tf.string:
        return _strings(proto, number).reshape(shape)
    if dtype.is_bool or dtype.is_numeric or dtype in (tf.bfloat16, tf.float16):
        if proto.tensor_content:
            return np.frombuffer(proto.tensor_content, dtype.as_numpy_dtype).reshape(shape)
        if number > _ELEMENTS:
            raise ValueError("too many elements")
        if dtype in (tf.float16, tf.bfloat16):
            return _halves(proto, number, dtype).reshape(shape)
        return tf.make_ndarray(proto)
    raise TypeError(dtype)


def _halves(proto: Any, number: int, dtype: tf.DType) -> np.ndarray:
    """Their bits, each in an integer."""
    bits = np.array(proto.half_val, np.int64).astype(np.uint16)
    if len(bits) > number:
        raise ValueError("too many elements")
    missing = number - len(bits)
    filled = np.pad(bits, (0, missing), mode="edge") if len(bits) else np.zeros(number, np.uint16)
    return filled.view(dtype.as_numpy_dtype)


def _strings(proto: Any, number: int) -> np.ndarray:
    values = list(proto.string_val)
    if len(values) > number or number > _ELEMENTS:
        raise ValueError("too many elements")
    # the last value stands for those that are missing
    values += [values[-1] if values else b""] * (number - len(values))
    array = np.empty(number, dtype=object)
    array[:] = values
    return array


def proto_of(array: np.ndarray) -> Any:
    """The TensorProto of an array, its values in the field of their type.

    TF Serving answers so, and clients read `float_val`.
    """
    dtype = tf.dtypes.as_dtype(array.dtype)
    field = _FIELDS.get(dtype.name)
    if field is None and dtype != tf.string:
        return tf.make_tensor_proto(array)
    proto = tensor_pb2.TensorProto()
    proto.dtype = dtype.as_datatype_enum
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    values = array.ravel().tolist()
    if dtype == tf.string:
        proto.string_val.extend(
            value if isinstance(value, bytes) else str(value).encode() for value in values
        )
    else:
        getattr(proto, field).extend(values)
    return proto


def examples_of(given: Any) -> list[bytes]:
    """The serialized examples of an Input; one with a context has its features in every one.

    Raises:
        ServingError: INVALID_ARGUMENT: there is none.
    """
    kind = given.WhichOneof("kind")
    if kind == "example_list_with_context":
        listed = given.example_list_with_context
        context = listed.context.SerializeToString()
        # serialized messages one after the other are their union
        examples = [context + example.SerializeToString() for example in listed.examples]
    else:
        examples = [example.SerializeToString() for example in given.example_list.examples]
    if not examples:
        raise ServingError(INVALID, "Input is empty.")
    return examples
