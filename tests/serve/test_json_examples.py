import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tftrain.errors import ServingError
from tftrain.keras_api import tf
from tftrain.serve.json_examples import examples

FLOAT32 = st.floats(width=32, allow_nan=False)
LISTS = {
    "int64_list": st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1),
    "float_list": st.lists(FLOAT32, min_size=1),
    "bytes_list": st.lists(st.text(), min_size=1),
}


def features(content):
    return tf.train.Example.FromString(content).features.feature


@pytest.mark.parametrize("kind", LISTS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_lists_become_features_of_their_kind(kind, data):
    values = data.draw(LISTS[kind])
    (content,) = examples({"examples": [{"x": values}]})
    expected = [value.encode() if isinstance(value, str) else value for value in values]
    assert list(getattr(features(content)["x"], kind).value) == expected


def test_a_scalar_is_a_list_of_one_and_a_boolean_an_integer():
    (content,) = examples({"examples": [{"x": 1.5, "y": [True, 2], "z": {"b64": "aGk="}, "n": []}]})
    read = features(content)
    assert read["x"].float_list.value == [1.5]
    assert read["y"].int64_list.value == [1, 2]
    assert read["z"].bytes_list.value == [b"hi"]
    assert read["n"].WhichOneof("kind") is None


def test_the_context_is_in_every_example():
    first, second = examples({"context": {"c": 7}, "examples": [{"x": 1}, {"c": 8}]})
    assert [features(one)["c"].int64_list.value[0] for one in (first, second)] == [7, 8]
    assert features(first)["x"].int64_list.value == [1]


UNEXPECTED = "Feature: x has element with unexpected JSON type"
MIXED = "Unexpected element type in feature: x expecting type"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "key 'examples' is expected and was not found"),
        ({"examples": 1}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
        ({"context": [], "examples": [{}]}, "Example must be JSON object but got JSON Array"),
        ({"examples": [{"x": None}]}, f"{UNEXPECTED}: Null"),
        ({"examples": [{"x": [[1]]}]}, f"{UNEXPECTED}: Array"),
        ({"examples": [{"x": {"a": 1}}]}, f"{UNEXPECTED}: Object"),
        ({"examples": [{"x": [1, 1.5]}]}, f"{MIXED}: int64"),
        ({"examples": [{"x": ["a", 1]}]}, f"{MIXED}: bytes"),
        ({"examples": [{"x": 2**63}]}, "Feature: x has uint64 element. Only int64 is supported."),
        ({"examples": [{"x": 1e300}]}, "Cannot convert JSON value: 1e+300 to float without loss"),
        ({"examples": [{"x": {"b64": "?"}}]}, "Unable to base64 decode"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_as_tensorflow_serving_says_it(document, message):
    with pytest.raises(ServingError) as caught:
        examples(document)
    assert message in caught.value.message
