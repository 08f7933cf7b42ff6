import base64
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tftrain.errors import ServingError
from tftrain.serve.json_tensors import FLOATS, INTEGERS, decode_base64, tensor

DTYPES = [*FLOATS, *INTEGERS, "bool", "string"]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 300)
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=3)
    | st.binary(max_size=3).map(lambda some: {"b64": base64.b64encode(some).decode()})
    | st.just({"b64": 1})
)
VALUES = st.recursive(SCALARS, lambda of: st.lists(of, max_size=3), max_leaves=6)
SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)


def belongs(value, dtype):
    """What the rules say of one value, in plain Python."""
    if dtype == "string":
        return isinstance(value, str) or (
            isinstance(value, dict) and isinstance(value.get("b64"), str)
        )
    if dtype == "bool":
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if dtype in INTEGERS:
        limits = np.iinfo(dtype)
        return isinstance(value, int) and limits.min <= value <= limits.max
    exact = 2**24 if dtype == "float" else 2**53
    if isinstance(value, int):
        return -exact < value < exact
    largest = float(np.finfo(FLOATS[dtype]).max)
    return not math.isfinite(value) or -largest <= value <= largest


def shape_of(value):
    return (len(value), *(shape_of(value[0]) if value else ())) if isinstance(value, list) else ()


def fits(value, shape, dtype):
    if isinstance(value, list):
        return (
            bool(shape)
            and len(value) == shape[0]
            and all(fits(one, shape[1:], dtype) for one in value)
        )
    return not shape and belongs(value, dtype)


@settings(max_examples=500, deadline=None)
@given(VALUES, st.sampled_from(DTYPES))
def test_what_is_taken_and_what_is_refused(value, dtype):
    shape = shape_of(value)
    if not fits(value, shape, dtype):
        with pytest.raises(ServingError) as caught:
            tensor(value, dtype)
        assert caught.value.code == "INVALID_ARGUMENT"
    else:
        assert tensor(value, dtype).shape == shape


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_numbers_come_back_as_they_were(dtype, data):
    kind = FLOATS.get(dtype) or INTEGERS[dtype]
    array = data.draw(arrays.arrays(kind, SHAPES))
    read = tensor(array.tolist(), dtype)
    assert read.dtype == kind
    np.testing.assert_array_equal(read, array.reshape(read.shape))


@settings(max_examples=50, deadline=None)
@given(arrays.arrays(bool, SHAPES.filter(lambda shape: 0 not in shape)))
def test_booleans_come_back_as_they_were(array):
    np.testing.assert_array_equal(tensor(array.tolist(), "bool"), array)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text() | st.binary()))
def test_strings_come_back_as_bytes(values):
    written = [
        value if isinstance(value, str) else {"b64": base64.b64encode(value).decode()}
        for value in values
    ]
    expected = [value.encode() if isinstance(value, str) else value for value in values]
    assert tensor(written, "string").tolist() == expected


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        ([1, "a"], "float", 'JSON Value: "a" Type: String is not of expected type: float'),
        ([1.5], "int32", "JSON Value: 1.5 Type: Number is not of expected type: int32"),
        ([256], "uint8", "JSON Value: 256 Type: Number is not of expected type: uint8"),
        ([True], "float", "JSON Value: true Type: True is not of expected type: float"),
        ([1], "string", "JSON Value: 1 Type: Number is not of expected type: string"),
        ([None], "int64", "JSON Value: null Type: Null is not of expected type: int64"),
        (16777216, "float",
         "Cannot convert JSON value: 16777216 to float without loss of precision."),
        (1e39, "float", "Cannot convert JSON value: 1e+39 to float without loss of precision."),
        ([[1, 2], [3]], "float",
         "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ([1, [2]], "float", "Encountered list at unexpected level: 1 expected < 1"),
        ([[1], 2], "float",
         "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        ([{"b64": "!"}], "string", "Unable to base64 decode"),
        ([{"b65": "YQ"}], "string",
         'JSON Value: {\n    "b65": "YQ"\n} not formatted correctly for base64 data'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_as_tensorflow_serving_says_it(value, dtype, message):
    with pytest.raises(ServingError) as caught:
        tensor(value, dtype)
    assert caught.value.message == message


def test_a_dtype_that_json_has_not_is_unimplemented():
    with pytest.raises(ServingError) as caught:
        tensor([1.0], "bfloat16")
    assert str(caught.value) == "UNIMPLEMENTED: Conversion of JSON Value: 1.0 to type: bfloat16"


def test_a_large_float_between_integers_is_taken():
    np.testing.assert_array_equal(tensor([1, 2.0**30], "float"), np.float32([1, 2.0**30]))


def test_more_dimensions_than_an_array_has_are_refused():
    value = 1
    for _ in range(900):
        value = [value]
    with pytest.raises(ServingError, match="dimensions"):
        tensor(value, "float")


def test_padding_and_blanks_of_base64_are_of_no_account():
    assert decode_base64({"b64": "aGVsbG8"}) == decode_base64({"b64": "aGVs\nbG8="}) == b"hello"
