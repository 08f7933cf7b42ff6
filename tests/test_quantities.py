"""Sizes, rates and times, read and shown."""

import pytest

from tftrain import quantities
from tftrain.errors import BadInput


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (quantities.size, "80GiB", 80 * 2**30),
        (quantities.size, "80 GB", 80e9),
        (quantities.size, 5, 5),
        (quantities.rate, "100Gbit/s", 12.5e9),
        (quantities.rate, "2GiB/s", 2 * 2**30),
        (quantities.flops, "312TFLOP/s", 312e12),
        (quantities.flops, "1.5e3GFLOP/s", 1.5e12),
        (quantities.seconds, "5us", 5e-6),
        (quantities.seconds, "0s", 0),
    ],
)
def test_quantities_are_read(parse, text, expected):
    assert parse(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("parse", "text", "said"),
    [
        (quantities.size, "80gib", "unknown unit 'gib'; did you mean 'GiB'?"),
        (quantities.size, "much", "expected a number with a unit, e.g. 80GiB"),
        (quantities.size, "1.2.3GiB", "expected a number with a unit"),
        (quantities.size, "0GiB", "expected a positive number"),
        (quantities.size, float("nan"), "expected a positive number"),
        (quantities.rate, "100", "a unit is missing; expected e.g. 100Gbit/s"),
        (quantities.rate, "100GiB", "unknown unit 'GiB'"),
        (quantities.rate, "100Gb/s", "did you mean 'Gbit/s'?"),
        (quantities.rate, "100Gbps", "did you mean 'Gbit/s'?"),
        (quantities.rate, "100gbit/s", "did you mean 'Gbit/s'?"),
        (quantities.flops, "312tflop/s", "did you mean 'TFLOP/s'?"),
        (quantities.seconds, "-5us", "expected a number with a unit, e.g. 5us"),
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
        (quantities.shown_size, 80 * 2**30, "80.0 GiB"),
        (quantities.shown_size, 2**20 - 1, "1,024 KiB"),
        (quantities.shown_seconds, 2e-9, "2 ns"),
        (quantities.shown_seconds, 3600, "3,600 s"),
        (quantities.shown_count, 125e6, "125.0e6"),
    ],
)
def test_quantities_are_shown_for_people(show, value, expected):
    assert show(value) == expected
