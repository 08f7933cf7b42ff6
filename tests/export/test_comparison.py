"""How arrays that differ are told apart."""

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tftrain.export import comparison

TOLERANCE = 1e-5
FLOATS = arrays.arrays("float32", arrays.array_shapes(min_side=0), elements=st.floats(width=32))


def difference(expected, found):
    pairs = list(comparison.differences({"y": expected}, {"y": found}, TOLERANCE))
    assert len(pairs) < 2
    return pairs[0][1] if pairs else None


@settings(max_examples=50, deadline=None)
@given(FLOATS)
def test_anything_equals_itself(array):
    assert difference(array, array.copy()) is None


@pytest.mark.parametrize(("scale", "allowed"), [(0.5, 0.9e-5), (1, 0.9e-5), (1000, 0.9e-2)])
def test_floats_may_differ_a_little_by_their_largest(scale, allowed):
    expected = np.array([scale, 0.1])
    assert difference(expected, expected + allowed) is None
    assert "differs by up to" in difference(expected, expected + 2 * allowed)


def test_where_the_difference_is_largest_is_told():
    expected, found = np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32)
    found[1, 2], found[0, 0] = 0.5, 0.25
    assert difference(expected, found) == (
        "differs by up to 0.5 (allowed 1e-05): expected 0.0 at [1, 2], received 0.5"
    )


@pytest.mark.parametrize(
    ("expected", "found"),
    [([np.nan, 1], [1, np.nan]), ([np.inf], [-np.inf]), ([1], [np.inf]), ([np.nan], [0])],
)
def test_what_is_not_finite_is_so_at_the_same_places(expected, found):
    assert "received" in difference(np.array(expected, "f"), np.array(found, "f"))
    assert difference(np.array(expected, "f"), np.array(expected, "f")) is None


@pytest.mark.parametrize(
    ("expected", "found", "said"),
    [
        (np.float32([1]), np.float64([1]), "is float64; expected float32"),
        (np.float32([1]), np.float32([[1]]), "has shape (1, 1); expected (1,)"),
        (np.int64([1, 2]), np.int64([1, 3]), "expected 2 at [1], received 3 (1 of 2 differ)"),
        (np.array(["a", "b"]), np.array([b"a", b"c"], object), "expected b'b' at [1], received"),
        (np.array(["a"]), np.int64([1]), "is int64; expected string"),
        (np.float32(1), np.float32(2), "differs by up to 1 (allowed 1e-05): expected 1.0, rec"),
    ],
)  # fmt: skip
def test_other_differences(expected, found, said):
    assert said in difference(expected, found)


def test_texts_are_equal_whether_str_or_bytes():
    assert difference(np.array(["ö", ""]), np.array(["ö".encode(), b""], object)) is None


def test_names_are_compared():
    found = comparison.differences({"a": 1.0, "b": 1.0}, {"b": 1.0, "c": 1.0}, TOLERANCE)
    assert dict(found) == {"a": "is missing", "c": "is not expected"}
