"""Latencies by a clock that the test turns."""

import pytest

from tftrain.errors import BadInput
from tftrain.latency import Latency, measure


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def program(clock, name, durations, calls):
    durations = iter(durations)

    def call():
        calls.append(name)
        clock.now += next(durations)

    return call


def forever(duration):
    while True:
        yield duration


def test_each_program_has_its_own_time(clock):
    calls = []
    programs = {
        "slow": program(clock, "slow", forever(0.4), calls),
        "fast": program(clock, "fast", forever(0.01), calls),
    }
    found = measure(programs, rounds=2, seconds=0.1, clock=clock)
    assert found["slow"].median == pytest.approx(400)
    assert found["slow"].calls == 6  # the least, since a turn is shorter than a call
    assert found["fast"].median == pytest.approx(10)
    assert found["fast"].calls in (20, 22)  # ten fill a turn, as far as sums of floats do


def test_turns_alternate(clock):
    calls = []
    programs = {name: program(clock, name, forever(1.0), calls) for name in "ab"}
    measure(programs, rounds=2, seconds=1, clock=clock)
    turns = "".join(calls)[6:]  # after the warm-up
    assert turns == "aaaabbbbbbbbaaaa"


def test_the_first_calls_are_not_counted(clock):
    durations = iter([9.0, 9.0, 9.0, 5.0, *[0.1] * 100])
    found = measure({"it": program(clock, "it", durations, [])}, rounds=1, seconds=1, clock=clock)
    assert found["it"].p95 == pytest.approx(100)


def test_the_percentile_is_a_time_that_was_measured():
    assert Latency.of([n / 1000 for n in range(1, 101)]).p95 == pytest.approx(95)
    assert Latency.of([0.001, 0.002]).p95 == pytest.approx(2)


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"seconds": 0.0}, {"seconds": float("nan")}])
def test_no_time_is_refused(wrong):
    with pytest.raises(BadInput, match="expected 1 or more"):
        measure({"it": lambda: None}, **wrong)
