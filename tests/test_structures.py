import hypothesis
import pytest
from hypothesis import strategies

from tftrain import structures

LEAVES = strategies.integers()
NESTED = strategies.recursive(
    LEAVES,
    lambda inner: strategies.one_of(
        strategies.lists(inner, min_size=1, max_size=3),
        strategies.lists(inner, min_size=1, max_size=3).map(tuple),
        strategies.dictionaries(strategies.sampled_from("abc"), inner, min_size=1, max_size=3),
    ),
    max_leaves=6,
)


def flat(values):
    if isinstance(values, dict):
        return [leaf for key in sorted(values) for leaf in flat(values[key])]
    if isinstance(values, (list, tuple)):
        return [leaf for value in values for leaf in flat(value)]
    return [values]


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(NESTED)
def test_what_goes_in_by_name_comes_out_in_its_place(values):
    leaves = flat(values)
    structure = structures.named(values, ["same"] * len(leaves))
    names = structures.names(structure)
    assert len(set(names)) == len(leaves)
    assert structures.nested(structure, dict(zip(names, leaves, strict=True))) == values
    if len(leaves) > 1:
        assert list(structures.by_name(structure, values).values()) == leaves


@pytest.mark.parametrize("name", ["a b", "a/b:0", "ä.1"])
def test_names_are_fit_for_a_signature(name):
    assert structures.named(0, [name]).isidentifier()
