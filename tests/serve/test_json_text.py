import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tftrain.errors import ServingError
from tftrain.serve.json_text import SHOWN, parse, quoted, type_name

SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text()
VALUES = st.recursive(
    SCALARS, lambda of: st.lists(of) | st.dictionaries(st.text(), of), max_leaves=6
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(), VALUES))
def test_what_json_writes_is_read_nan_and_infinity_too(document):
    assert repr(parse(json.dumps(document).encode())) == repr(document)


@settings(max_examples=300, deadline=None)
@given(st.binary() | st.text(alphabet='{}[]":,\\ 1aeN-.u').map(str.encode))
def test_anything_else_is_refused_in_words(body):
    with contextlib.suppress(json.JSONDecodeError, UnicodeDecodeError):
        if isinstance(json.loads(body), dict):
            return
    with pytest.raises(ServingError, match=r"^INVALID_ARGUMENT: JSON (Parse error|Value): "):
        parse(body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "The document is empty"),
        (b"  \n", "The document is empty. at offset: 3"),
        (b"[1, 2", "Missing a comma or ] after an array element. at offset: 5"),
        (b'{"a": 1 "b"}', "Missing a comma or } after an object member. at offset: 8"),
        (b'{"a": "]" 1}', "Missing a comma or } after an object member. at offset: 10"),
        (b'{"a" 1}', "Missing a colon after a name of object member. at offset: 5"),
        (b"{a: 1}", "Missing a name for object member. at offset: 1"),
        (b"{} {}", "The document root must not be followed by other values. at offset: 3"),
        (b'{"a": nope}', "Invalid value. at offset: 6"),
        (b'{"a": "b', "Missing a closing quotation mark in string. at offset: 6"),
        (b'{"\xc3\xa9": ?}', "Invalid value. at offset: 7"),
        (b'{"a": "\xff"}', "Invalid encoding in string. at offset: 7"),
        (b'{"a": "\\ud800"}', "The surrogate pair in string is invalid. at offset: 7"),
        (b'{"a": 1e999}', "Number too big to be stored in double. at offset: 6"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "Number too big to be stored in double. at offset: 6"),
    ],
)
def test_the_place_is_named(body, words):
    with pytest.raises(ServingError) as caught:
        parse(body)
    assert caught.value.message == f"JSON Parse error: {words}"


@pytest.mark.parametrize("depth", [300, 2_000, 200_000])
def test_depth_is_refused_not_followed(depth):
    with pytest.raises(ServingError, match="too deeply"):
        parse(b'{"a": NaN, "b": ' + b"[" * depth + b"]" * depth + b"}")


def test_only_an_object_is_a_request():
    with pytest.raises(ServingError) as caught:
        parse(b"[1]")
    assert caught.value.message == "JSON Value: [\n    1\n] Is not object"


def test_a_byte_order_mark_is_skipped():
    assert parse(b"\xef\xbb\xbf{}") == {}


def test_integers_beyond_64_bits_are_floats():
    assert repr(parse(b'{"a": 18446744073709551616, "b": NaN}')["a"]) == "1.8446744073709552e+19"
    assert repr(parse(b'{"a": 18446744073709551616}')["a"]) == "1.8446744073709552e+19"


def test_a_long_value_is_cut():
    assert len(quoted(["x" * 10] * 10_000)) == SHOWN + 3


@pytest.mark.parametrize(
    ("value", "name"),
    [(None, "Null"), (True, "True"), (False, "False"), ({}, "Object"), ([], "Array"),
     ("", "String"), (1, "Number"), (1.5, "Number")],
)  # fmt: skip
def test_types_have_rapidjson_names(value, name):
    assert type_name(value) == name
