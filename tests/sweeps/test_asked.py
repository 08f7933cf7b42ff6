import json

import pytest

from tftrain.errors import SweepError
from tftrain.sweeps import Asked, Range, study
from tftrain.sweeps import space as spaces

LISTS = {"x": [1, 2, 3], "y": ["a", "b"]}
RANGES = {"rate": Range(1e-4, 1e-1, log=True), "units": Range(8, 64), "y": ["a", "b"]}


def drawn(sampler, numbers, seed=0, space=None):
    asked = Asked(space or RANGES, sampler=sampler, seed=seed)
    found = study.Study(
        asked.space, goal="max", sampler=sampler, prune="none", prune_after=1, seed=seed
    )
    return [found.draw(number) for number in numbers]


def test_a_grid_is_every_combination():
    asked = Asked(LISTS)
    assert (asked.sampler, asked.trials) == ("grid", 6)
    assert asked.planned()[:3] == [{"x": 1, "y": "a"}, {"x": 1, "y": "b"}, {"x": 2, "y": "a"}]


def test_drawn_from_lists_no_combination_comes_twice_and_more_trials_are_more_of_the_same():
    few = Asked(LISTS, sampler="random", trials=3).planned()
    all_of_them = Asked(LISTS, sampler="random").planned()
    assert all_of_them[:3] == few
    assert len({str(each) for each in all_of_them}) == 6
    assert all_of_them != Asked(LISTS, sampler="random", seed=1).planned()


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_what_is_drawn_follows_from_seed_and_number(sampler):
    first = drawn(sampler, range(4))
    assert drawn(sampler, range(4)) == first
    assert drawn(sampler, range(4), seed=1) != first
    for each in first:
        assert 1e-4 <= each["rate"] <= 1e-1
        assert isinstance(each["units"], int)
        assert 8 <= each["units"] <= 64
    assert len({each["rate"] for each in first}) == 4


def test_a_sweep_that_goes_on_draws_what_it_would_have_drawn():
    assert drawn("random", [2, 3]) == drawn("random", range(4))[2:]


def test_what_is_recorded_is_what_was_asked():
    asked = Asked(RANGES, metric="val_loss", trials=7, prune="median", seed=5, program=["--x=1"])
    assert Asked.from_dict(json.loads(json.dumps(asked.as_dict()))) == asked
    assert asked.goal == "min"


@pytest.mark.parametrize(
    ("space", "settings", "said"),
    [
        ({}, {}, "nothing is varied"),
        ({"x": [1]}, {}, "one value only"),
        ({"x": []}, {}, "x: no values"),
        ({"x": 3}, {}, "x: 3 is nothing to choose from"),
        (LISTS, {"trials": 4}, "6 combinations"),
        (LISTS, {"trials": 7, "sampler": "random"}, "6 combinations only"),
        (LISTS, {"trials": 0}, "1 or more"),
        (RANGES, {"sampler": "grid"}, "rate, units"),
        (LISTS, {"sampler": "gird"}, "did you mean 'grid'"),
        (LISTS, {"prune": "late"}, "Known: halving, median, none"),
        (LISTS, {"prune_after": -1}, "0 or more epochs"),
        (LISTS, {"metric": "f1"}, "large or small"),
        (LISTS, {"goal": "up"}, "max or min"),
        (LISTS, {"seed": -1}, "seed is -1"),
    ],
)
def test_bad_input(space, settings, said):
    with pytest.raises(SweepError, match=said):
        Asked(space, **settings)


def test_all_problems_are_told_at_once():
    with pytest.raises(SweepError) as caught:
        Asked({"x": []}, sampler="none", seed=-1)
    assert len(caught.value.problems) == 3


def test_every_two_values_stand_together_in_something_that_is_checked():
    space = Asked({**RANGES, "z": list(range(9))}, sampler="random").space
    pairs = {(each["rate"], each["z"]) for each in spaces.checked(space)}
    assert {(rate, z) for rate in (1e-4, 1e-1) for z in range(9)} <= pairs
    ends = spaces.checked({"rate": Range(0.0, 1.0)})
    assert list(ends) == [{"rate": 0.0}, {"rate": 1.0}]
