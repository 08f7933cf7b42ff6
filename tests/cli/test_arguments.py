import pytest
from absl import flags

from tftrain.cli import arguments


@pytest.fixture
def values():
    defined = flags.FlagValues()
    flags.DEFINE_integer("epochs", 3, "passes", flag_values=defined)
    flags.DEFINE_string("out", None, "folder", flag_values=defined)
    flags.DEFINE_bool("resume", False, "go on", flag_values=defined)
    return defined


@pytest.mark.parametrize("tokens", [["--epochs=5"], ["--epochs", "5"], ["-epochs=5"]])
def test_forms_of_a_value(values, tokens):
    assert arguments.parse(values, tokens) == arguments.Parsed((), ())
    assert values.epochs == 5
    assert arguments.given(values) == ["epochs"]


@pytest.mark.parametrize(
    ("token", "expected"), [("--resume", True), ("--noresume", False), ("--resume=true", True)]
)
def test_forms_of_a_switch(values, token, expected):
    assert arguments.parse(values, [token]).problems == ()
    assert values.resume is expected


def test_a_flag_of_several_values_is_given_several_times(values):
    flags.DEFINE_multi_string("grid", None, "values", flag_values=values)
    assert arguments.parse(values, ["--grid=a=1,2", "--grid", "b=3"]).problems == ()
    assert values.grid == ["a=1,2", "b=3"]


def test_defaults_hold_where_nothing_is_given(values):
    arguments.parse(values, [])
    assert (values.epochs, values.out, values.resume) == (3, None, False)


def test_the_rest_is_positional(values):
    parsed = arguments.parse(values, ["a", "--epochs=1", "-", "--", "--out=x"])
    assert parsed.positional == ("a", "-", "--out=x")


def test_every_mistake_is_reported(values):
    parsed = arguments.parse(values, ["--epochs=x", "--ot=1", "--resume=maybe", "--out"])
    assert parsed.problems == (
        "--epochs=x: expected an integer",
        "unknown flag --ot; did you mean 'out'? --help lists all",
        "--resume=maybe: expected true or false",
        "--out needs a value: --out=...",
    )


def test_a_value_that_is_none_of_the_known_ones_is_told_them(values):
    flags.DEFINE_enum("input", None, ["pixels", "scaled"], "what it takes", flag_values=values)
    problems = arguments.parse(values, ["--input=raw"]).problems
    assert problems == ("--input=raw: expected pixels or scaled",)


def test_a_flag_given_twice_is_a_mistake(values):
    assert arguments.parse(values, ["--epochs=1", "--epochs=2"]).problems == (
        "--epochs is given twice",
    )


def test_description_has_a_line_a_flag(values):
    assert arguments.describe(values).splitlines() == [
        "  --epochs=...           passes (default: 3)",
        "  --out=...              folder",
        "  --resume               go on",
    ]
