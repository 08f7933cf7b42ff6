"""Sizes, rates and times, read and shown."""

import pytest

from tftrain.errors import BadInput
from tftrain.planning import units


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (units.size, "80GiB", 80 * 2**30),
        (units.size, "80 GB", 80e9),
        (units.size, 5, 5),
        (units.rate, "100Gbit/s", 12.5e9),
        (units.rate, "2GiB/s", 2 * 2**30),
        (units.flops, "312TFLOP/s", 312e12),
        (units.flops, "1.5e3GFLOP/s", 1.5e12),
        (units.seconds, "5us", 5e-6),
        (units.seconds, "0s", 0),
    ],
)
def test_quantities_are_read(parse, text, expected):
    assert parse(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("parse", "text", "said"),
    [
        (units.size, "80gib", "unknown unit 'gib'; did you mean 'GiB'?"),
        (units.size, "much", "expected a number with a unit, e.g. 80GiB"),
        (units.size, "1.2.3GiB", "expected a number with a unit"),
        (units.size, "0GiB", "expected a positive number"),
        (units.size, float("nan"), "expected a positive number"),
        (units.rate, "100", "a unit is missing; expected e.g. 100Gbit/s"),
        (units.rate, "100GiB", "unknown unit 'GiB'"),
        (units.flops, "312tflop/s", "did you mean 'TFLOP/s'?"),
        (units.seconds, "-5us", "expected a number with a unit, e.g. 5us"),
    ],
)
def test_what_cannot_be_read_is_named(parse, text, said):
    with pytest.raises(BadInput) as caught:
        parse(text, "--given")
    assert str(caught.value).startswith(f"--given is {text!r}")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("show", "value", "expected"),
    [
        (units.shown_size, 80 * 2**30, "80.0 GiB"),
        (units.shown_size, 2**20 - 1, "1,024 KiB"),
        (units.shown_seconds, 2e-9, "2 ns"),
        (units.shown_seconds, 3600, "3,600 s"),
        (units.shown_count, 125e6, "125.0e6"),
    ],
)
def test_quantities_are_shown_for_people(show, value, expected):
    assert show(value) == expected
