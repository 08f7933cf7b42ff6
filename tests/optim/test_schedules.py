"""Every schedule: its values, its serialization, and its arguments."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tftrain import optim
from tftrain.errors import BadInput, UnknownName
from tftrain.keras_api import keras

TOTAL = 1000
EVERY = pytest.mark.parametrize("name", optim.schedules.names())


def rates(schedule, *steps):
    return [float(keras.ops.convert_to_numpy(schedule(step))) for step in steps]


def made(name, **options):
    return optim.schedule(name, 0.4, **{"total_steps": TOTAL, **options})


@pytest.mark.parametrize(
    ("name", "options", "expected"),  # after 0, 500 and 1000 steps
    [
        ("constant", {}, [0.4, 0.4, 0.4]),
        ("linear", {}, [0.4, 0.2, 0.0]),
        ("linear", {"end": 0.5}, [0.4, 0.3, 0.2]),
        ("exponential", {"end": 0.01}, [0.4, 0.04, 0.004]),
        ("polynomial", {}, [0.4, 0.1, 0.0]),
        ("polynomial", {"power": 3}, [0.4, 0.05, 0.0]),
        ("cosine", {}, [0.4, 0.2, 0.0]),
        ("cosine", {"end": 0.1}, [0.4, 0.22, 0.04]),
        ("cosine_restarts", {"first": "50%", "growth": 1}, [0.4, 0.4, 0.4]),
        ("cosine_restarts", {"first": 400, "growth": 1, "shrink": 0.5}, [0.4, 0.170710, 0.05]),
        ("step", {"every": "30%"}, [0.4, 0.04, 0.0004]),
        ("step", {"every": 500, "factor": 0.5}, [0.4, 0.2, 0.1]),
        ("inverse_sqrt", {"timescale": 500}, [0.4, 0.4 / math.sqrt(2), 0.4 / math.sqrt(3)]),
        ("one_cycle", {"warmup": 500}, [0.016, 0.4, 0.00004]),
    ],
)
def test_values_are_those_of_the_formula(name, options, expected):
    assert rates(made(name, **options), 0, 500, 1000) == pytest.approx(expected, rel=1e-4)


@EVERY
def test_the_warm_up_rises_to_the_full_rate_and_loses_no_step(name):
    options = {"divisor": 4.0} if name == "one_cycle" else {}
    schedule = made(name, warmup=100, **options)
    rise = rates(schedule, *range(101))
    assert min(rise) > 0
    np.testing.assert_allclose(np.diff(rise), (0.4 - rise[0]) / 100, rtol=1e-3)
    assert rise[-1] == pytest.approx(0.4)


@EVERY
def test_what_follows_the_warm_up_fits_into_what_is_left(name):
    end = {
        "linear": 0.0, "polynomial": 0.0, "cosine": 0.0, "exponential": 0.004, "one_cycle": 4e-5,
    }  # fmt: skip
    last = rates(made(name, warmup="20%"), TOTAL)[0]
    if name in end:
        assert last == pytest.approx(end[name], rel=1e-3, abs=1e-9)
    else:
        assert 0 < last < 0.4 + 1e-6


@EVERY
def test_a_configuration_makes_the_same_schedule(name):
    schedule = made(name, warmup="10%")
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    steps = (0, 1, 99, 100, 101, 700, 2000)
    assert rates(again, *steps) == rates(schedule, *steps)


@EVERY
@settings(max_examples=15, deadline=None)
@given(total=st.integers(2, 500), rate=st.floats(1e-6, 100), step=st.integers(0, 1000))
def test_rates_are_never_negative_nor_above_the_highest(name, total, rate, step):
    (found,) = rates(optim.schedule(name, rate, total_steps=total), step)
    assert -1e-9 * rate <= found <= rate * (1 + 1e-5)


@pytest.mark.parametrize("warmup", [50, "50", "50 steps", "5%", "0.5 epochs", optim.Length(50)])
def test_lengths_are_steps_epochs_or_percent(warmup):
    schedule = optim.schedule("constant", 1.0, steps_per_epoch=100, epochs=10, warmup=warmup)
    assert schedule.steps == 50


def test_keras_s_own_class_where_there_is_one():
    assert type(made("cosine")) is keras.optimizers.schedules.CosineDecay
    assert type(made("linear")) is keras.optimizers.schedules.PolynomialDecay


def test_behind_a_warm_up_the_inverse_root_is_the_transformer_s():
    schedule = made("inverse_sqrt", warmup=100)
    expected = [0.4 * min((s + 1) / 101, math.sqrt(100 / max(s, 100))) for s in (10, 100, 400)]
    assert rates(schedule, 10, 100, 400) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"learning_rate": -0.1}, "learning_rate is -0.1; expected a positive number"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"total_steps": None}, "needs the length of the training"),
        ({"total_steps": 0}, "total_steps is 0; expected 1 or more"),
        ({"steps_per_epoch": 7, "epochs": 3}, "3 epochs of 7 steps are 21: give one"),
        ({"warmup": 1000}, "the warm-up of 1000 steps is 1000 steps, but the training has 1000"),
        ({"warmup": "100%"}, "the warm-up of 100% is 1000 steps"),
        ({"warmup": "120%"}, "expected at most 100%"),
        ({"warmup": "2 epochs"}, "needs steps_per_epoch"),
        ({"warmup": "two epochs"}, "expected steps"),
        ({"warmup": -5}, "length -5: expected steps"),
        ({"warmup": 0.05}, "length 0.05: expected steps"),
        ({"warmup": "1.5 steps"}, "expected a whole number of steps"),
        ({"power": 2.0}, "schedule 'cosine' has no option 'power'"),
        ({"edn": 0.1}, "did you mean 'end'"),
        ({"end": 1.5}, "end is 1.5; expected a share"),
    ],
)
def test_impossible_arguments_are_refused(arguments, message):
    with pytest.raises(BadInput, match=message):
        optim.schedule("cosine", **{"learning_rate": 0.1, "total_steps": 1000, **arguments})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("polynomial", {"power": 0}),
        ("exponential", {"end": 0}),
        ("step", {"factor": 0}),
        ("step", {"factor": 2}),
        ("cosine_restarts", {"growth": 0.5}),
        ("cosine_restarts", {"shrink": 0}),
        ("one_cycle", {"divisor": 0.5}),
    ],
)
def test_options_out_of_range_are_refused(name, options):
    with pytest.raises(BadInput, match=rf"{next(iter(options))} is .*; expected"):
        made(name, **options)


def test_an_unknown_schedule_suggests_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'cosine'"):
        optim.schedule("cosin", 0.1)


def test_the_rate_grows_with_the_batch():
    assert optim.scaled_rate(0.1, 8192) == pytest.approx(3.2)
    assert optim.scaled_rate(0.1, 64, base_batch_size=128) == pytest.approx(0.05)
    with pytest.raises(BadInput, match="batch_size is 0"):
        optim.scaled_rate(0.1, 0)
