"""Which steps follow from what is asked for."""

import pytest

from tftrain.compress.plan import Plan
from tftrain.errors import CompressionError


def names(**settings):
    return [step.name for step in Plan(**settings).steps()]


STEPS = {
    "pruning": ({"prune": 0.5}, ["pruned"]),
    "structure": ({"structure": "2:4"}, ["pruned"]),
    "clustering": ({"cluster": 8}, ["clustered"]),
    "conversion": ({"quantize": "float16"}, ["dense_float16"]),
    "training for int8": ({"quantize_aware": True}, ["dense_qat"]),
    "all": (
        {"prune": 0.8, "cluster": 16, "quantize": "int8"},
        [
            *("dense_int8", "pruned", "pruned_int8", "pruned_clustered"),
            *("pruned_clustered_int8", "pruned_clustered_qat"),
        ],
    ),
    "all, no training for int8": (
        {"prune": 0.8, "cluster": 16, "quantize": "int8", "quantize_aware": False},
        [
            *("dense_int8", "pruned", "pruned_int8", "pruned_clustered"),
            "pruned_clustered_int8",
        ],
    ),
    "zeros alone are kept by conversion": (
        {"prune": 0.8, "quantize": "int8"},
        ["dense_int8", "pruned", "pruned_int8"],
    ),
}


@pytest.mark.parametrize(("settings", "expected"), STEPS.values(), ids=STEPS)
def test_steps_come_in_the_order_that_keeps_what_was_made(settings, expected):
    assert names(**settings) == expected


def test_a_step_says_what_it_starts_from_and_what_it_does():
    step = Plan(prune=0.8, cluster=16, quantize="int8").steps()[-1]
    assert (step.source, step.act) == ("pruned_clustered", "quantize_aware")
    assert step.how == "80% zeros, 16 values, trained for int8"


def test_two_in_four_says_so():
    (step,) = Plan(structure="2:4").steps()
    assert step.how == "50% zeros in 2:4"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "nothing to do"),
        ({"prune": 1.0}, "sparsity is 1.0"),
        ({"prune": -0.1}, "sparsity is -0.1"),
        ({"structure": "4:2"}, "structure is '4:2'"),
        ({"prune": 0.8, "structure": "2:4"}, "leave sparsity out"),
        ({"cluster": 1}, "cluster is 1; expected how many values to keep"),
        ({"quantize": "int3"}, "unknown quantization mode 'int3'"),
        ({"quantize": "float16", "quantize_aware": True}, "trains for int8"),
    ],
)
def test_what_cannot_be_is_refused(settings, said):
    with pytest.raises(CompressionError, match=said):
        Plan(**settings)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(CompressionError) as error:
        Plan(prune=2.0, cluster=0, quantize="int3")
    assert len(error.value.problems) == 3
