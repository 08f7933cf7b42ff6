import numpy as np
import pytest

from tftrain.errors import ServingError
from tftrain.keras_api import tf
from tftrain.serve.stubs import tensor_pb2
from tftrain.serve.tensors import array_of, proto_of

DTYPES = [
    "float16", "bfloat16", "float32", "float64", "int8", "uint8", "int16", "uint16", "int32",
    "uint32", "int64", "uint64", "bool", "complex64",
]  # fmt: skip


def values(name):
    return np.array([[0, 1, 2], [3, 4, 5]]).astype(tf.dtypes.as_dtype(name).as_numpy_dtype)


@pytest.mark.parametrize("name", DTYPES)
def test_arrays_come_back_as_they_were(name):
    x = values(name)
    for proto in (proto_of(x), tf.make_tensor_proto(x)):
        found = array_of(tensor_pb2.TensorProto.FromString(proto.SerializeToString()), "x")
        assert found.dtype == x.dtype
        np.testing.assert_array_equal(found, x)
        np.testing.assert_array_equal(tf.make_ndarray(proto), x)


def test_strings_come_back_as_they_were():
    x = np.array([[b"a", b"\xff"], [b"", b"\0"]], object)
    assert array_of(proto_of(x), "x").tolist() == x.tolist()
    assert array_of(tf.make_tensor_proto(x), "x").tolist() == x.tolist()


def proto(dtype, *shape, **fields):
    made = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum, **fields)
    for size in shape:
        made.tensor_shape.dim.add(size=size)
    return made


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (proto(tf.float32, 3, float_val=[1, 2]), [1, 2, 2]),
        (proto(tf.float32, 2), [0, 0]),
        (proto(tf.float16, 3, half_val=[0x3C00]), [1, 1, 1]),
        (proto(tf.bfloat16, 2), [0, 0]),
        (proto(tf.string, 2, string_val=[b"a"]), [b"a", b"a"]),
        (proto(tf.string, 1), [b""]),
    ],
)
def test_the_last_value_stands_for_those_that_are_missing(given, expected):
    assert array_of(given, "x").tolist() == expected


@pytest.mark.parametrize(
    "given",
    [
        proto(tf.float32, 2, tensor_content=b"1234567"),
        proto(tf.float32, 2, float_val=[1, 2, 3]),
        proto(tf.float16, 1, half_val=[1, 2]),
        proto(tf.string, 1, string_val=[b"a", b"b"]),
        proto(tf.float32, -1, float_val=[1]),
        proto(tf.float32, 2**40, float_val=[1]),
        proto(tf.string, 2**40, string_val=[b"a"]),
        proto(tf.float32, 2**62, 2**62, float_val=[1]),
        proto(tf.int8, 1, int_val=[1000]),
        proto(tf.resource, 1),
        tensor_pb2.TensorProto(),
        tensor_pb2.TensorProto(dtype=77),
        tensor_pb2.TensorProto(dtype=101),
    ],
    ids=str,
)
def test_what_does_not_agree_with_itself_is_refused(given):
    with pytest.raises(ServingError) as caught:
        array_of(given, "x")
    assert (caught.value.code, caught.value.message) == (
        "INVALID_ARGUMENT", "tensor parsing error: x"
    )  # fmt: skip
