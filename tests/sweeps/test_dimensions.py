import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tftrain.errors import SweepError
from tftrain.sweeps import Choices, Range, dimensions


def parsed(text, kind=float, for_grid=True, optional=False):
    return dimensions.parse(text, kind, for_grid=for_grid, optional=optional)


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        ("sgd,adam", str, ("sgd", "adam")),
        ("0.1, 1e-3", float, (0.1, 0.001)),
        ("8", int, (8,)),
        ("none|flip,crop:4", str, (None, "flip,crop:4")),
        ("1:4", int, (1, 2, 3, 4)),
        ("0:1:5", float, (0.0, 0.25, 0.5, 0.75, 1.0)),
        ("16:256:3", int, (16, 136, 256)),
        ("log:1e-4:1e-1:4", float, (0.0001, 0.001, 0.01, 0.1)),
        ("log:1:4:9", int, (1, 2, 3, 4)),  # no number comes twice
    ],
)
def test_values_of_a_grid(text, kind, values):
    assert parsed(text, kind, optional=True) == Choices(values)


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("0:0.5", float, Range(0.0, 0.5)),
        ("log:1e-4:1e-1", float, Range(1e-4, 1e-1, log=True)),
        ("16:256", int, Range(16, 256)),
        ("16,32", int, Choices((16, 32))),
    ],
)
def test_what_is_drawn_from(text, kind, expected):
    found = parsed(text, kind, for_grid=False)
    assert found == expected
    assert dimensions.from_dict(found.as_dict()) == found


@pytest.mark.parametrize(
    ("text", "kind", "for_grid", "said"),
    [
        ("a,2", int, True, "'a' is not a whole number"),
        ("0.1,", float, True, "'' is not a number"),
        ("none", float, True, "'none' is not a number"),
        ("1,1", int, True, "twice"),
        ("0:1", float, True, "expected 0:1:POINTS"),
        ("0:1:1", float, True, "too few"),
        ("1:0", float, False, "no range"),
        ("nan:1", float, False, "no range"),
        ("0:1:2:3", float, False, "no range"),
        ("log:0:1", float, False, "above 0"),
        ("0:1:4", float, False, "belong to a grid"),
        (":", float, False, "not a number"),
    ],
)
def test_what_cannot_be_read(text, kind, for_grid, said):
    with pytest.raises(SweepError, match=said):
        parsed(text, kind, for_grid=for_grid)


@settings(max_examples=50, deadline=None)
@given(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9), st.floats(0, 1))
def test_rounded_values_stay_within_their_range(one, other, share):
    if one == other:
        return
    found = Range(min(one, other), max(one, other), log=True)
    value = found.low + share * (found.high - found.low)
    assert found.low <= found.rounded(value) <= found.high
    assert math.isclose(found.rounded(value), value, rel_tol=1e-3)


def test_a_text_is_no_list_of_letters():
    with pytest.raises(SweepError, match="expected a list"):
        dimensions.as_dimension("adam")
