"""Machines and links: what is known of devices, and what cannot be planned with."""

import pytest

from tftrain import planning
from tftrain.errors import ConfigError, UnknownName

LINK = planning.Link(1e9)


def a100(precision):
    return planning.Machine.of("a100-40", devices=1, bandwidth="1Gbit/s", precision=precision)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: planning.Link(0), "of a link, bandwidth is 0; expected more than 0"),
        (lambda: planning.Link(1e9, -1.0), r"latency is -1\.0; expected 0 or more"),
        (lambda: planning.Machine(0, 1.0, 1.0, LINK), "devices is 0; expected 1 or more"),
        (lambda: planning.Machine(1, 0, 1.0, LINK), "memory is 0; expected more than 0"),
        (
            lambda: planning.Machine(1, 1.0, 1.0, LINK, memory_bandwidth=0.0),
            r"memory_bandwidth is 0\.0; expected more than 0",
        ),
        (
            lambda: planning.Machine(1, 1.0, 1.0, LINK, step_overhead=float("nan")),
            "step_overhead is nan; expected 0 or more",
        ),
    ],
)
def test_numbers_that_no_machine_has_are_named(made, said):
    with pytest.raises(ConfigError, match=said):
        made()


def test_a_precision_that_is_not_known_is_not_taken_for_another():
    with pytest.raises(UnknownName, match="unknown precision 'flaot32'; did you mean 'float32'"):
        a100("flaot32")


def test_float32_is_as_fast_as_tensorflow_computes_it():
    """In TensorFloat-32, at half the rate of 16 bits by the data sheet."""
    assert a100("float32").flops == a100("mixed_bfloat16").flops / 2
