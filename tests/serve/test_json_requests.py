import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tftrain.errors import ServingError
from tftrain.serve.json_requests import signature_name, tensors

ONE = {"x": "float"}
TWO = {"a": "int32", "b": "string"}
ROWS = st.lists(st.tuples(st.integers(-9, 9), st.text(max_size=3)), min_size=1, max_size=5)


@settings(max_examples=100, deadline=None)
@given(ROWS)
def test_rows_and_columns_hold_the_same(rows):
    numbers, texts = zip(*rows, strict=True)
    by_row = tensors({"instances": [{"a": a, "b": b} for a, b in rows]}, TWO)
    by_column = tensors({"inputs": {"b": list(texts), "a": list(numbers), "more": 1}}, TWO)
    assert (by_row.rows, by_column.rows) == (True, False)
    for name, expected in (("a", list(numbers)), ("b", [text.encode() for text in texts])):
        assert by_row.inputs[name].tolist() == by_column.inputs[name].tolist() == expected


@pytest.mark.parametrize(
    "document",
    [
        {"instances": [[1.0, 2.0], [3.0, 4.0]]},
        {"instances": [{"x": [1.0, 2.0]}, {"x": [3.0, 4.0]}]},
        {"inputs": [[1.0, 2.0], [3.0, 4.0]]},
        {"inputs": {"x": [[1.0, 2.0], [3.0, 4.0]]}},
    ],
)
def test_a_single_input_may_go_without_its_name(document):
    np.testing.assert_array_equal(tensors(document, ONE).inputs["x"], [[1, 2], [3, 4]])


def test_bytes_need_no_name_in_rows_nor_in_columns():
    image = {"b64": "aGVsbG8="}
    dtypes = {"image_bytes": "string"}
    assert tensors({"instances": [image]}, dtypes).inputs["image_bytes"].tolist() == [b"hello"]
    assert tensors({"inputs": [image]}, dtypes).inputs["image_bytes"].tolist() == [b"hello"]
    assert tensors({"inputs": image}, dtypes).inputs["image_bytes"].item() == b"hello"


@pytest.mark.parametrize(
    ("document", "dtypes", "message"),
    [
        ({}, ONE, "Missing 'inputs' or 'instances' key"),
        ({"instances": 1}, ONE, "Excepting 'instances' to be an list/array"),
        ({"instances": []}, ONE, "No values in 'instances' array"),
        ({"instances": [1], "inputs": [1]}, ONE, "Not formatted correctly expecting only one of"),
        ({"instances": [1]}, TWO, "instances is a plain list, but expecting list of objects as"),
        ({"inputs": [1]}, TWO, "inputs is a plain value/list, but expecting an object as multiple"),
        ({"inputs": {"a": [1]}}, TWO, "Missing named input: b in 'inputs' object."),
        ({"instances": [1, {"x": 1}]}, ONE, "Expecting value/list but got object at item 1 of"),
        ({"instances": [{"x": 1}, 1]}, ONE, "Expecting object but got list at item 1 of input"),
        ({"instances": [{"a": 1}]}, TWO, "keys must be equal to: a,b"),
    ],
)
def test_a_request_of_the_wrong_form(document, dtypes, message):
    with pytest.raises(ServingError) as caught:
        tensors(document, dtypes)
    assert message in caught.value.message
    assert caught.value.code == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("instances", "element", "message"),
    [
        ([{"x": 1}, {"y": 1}], "1 key: y", "JSON object: does not have named input: y"),
        ([1, "a"], "1", 'JSON Value: "a" Type: String is not of expected type: float'),
        ([{"x": 1}, {"x": True}], "1 key: x",
         "JSON Value: true Type: True is not of expected type: float"),
        ([[1, 2], [3]], "1", "Expecting tensor size: 2 but got: 1"),
        ([[1], [[2]]], "1", "Expecting shape [1] but got: [1,1]"),
        ([[[1], [2, 3]]], "0",
         "Encountered list at unexpected size: 2 at level: 1 expected size: 1"),
    ],
)  # fmt: skip
def test_the_row_that_is_wrong_is_named(instances, element, message):
    with pytest.raises(ServingError) as caught:
        tensors({"instances": instances}, ONE)
    where = f"Failed to process element: {element} of 'instances' list."
    assert caught.value.message == f"{where} Error: INVALID_ARGUMENT: {message}"


def test_unimplemented_stays_so_inside_of_a_row():
    with pytest.raises(ServingError) as caught:
        tensors({"instances": [1]}, {"x": "half"})
    assert caught.value.code == "UNIMPLEMENTED"


def test_the_signature_has_a_name_or_the_default_one():
    assert signature_name({}) == ""
    assert signature_name({"signature_name": "bytes"}) == "bytes"
    with pytest.raises(ServingError, match="'signature_name' key must be a string value"):
        signature_name({"signature_name": 1})
