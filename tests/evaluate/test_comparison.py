import json

import numpy as np
import pytest

from tftrain.errors import EvaluationError
from tftrain.evaluate import compare
from tftrain.evaluate.confidence import accuracy_interval

Y = np.arange(200) % 2
SURE = np.eye(2)[Y]


def wrong(first, last):
    given = SURE.copy()
    given[first:last] = 1 - given[first:last]
    return given


@pytest.fixture(scope="module")
def compared():
    return compare(
        ["a", "b", "c"],
        Y,
        [wrong(0, 30), wrong(10, 20), wrong(25, 55)],
        facts=[{"engine": "keras"}, {"engine": "keras"}, {"engine": None}],
        settings=[{"seed": 0, "epochs": 2}, {"seed": 0, "epochs": 3}, {"seed": 0}],
        seeds=[[0.85, 0.86, 0.84], [0.95, 0.94, 0.96], []],
    )


def test_runs_have_what_was_found_and_what_was_told(compared):
    first = compared.runs[0]
    assert (first["name"], first["accuracy"], first["engine"]) == ("a", 0.85, "keras")
    assert first["accuracy_interval"] == list(accuracy_interval(170, 200))


def test_settings_that_are_the_same_are_left_out(compared):
    assert compared.settings == {"epochs": [2, 3, None]}


def test_each_is_paired_with_the_first(compared):
    second, third = compared.pairs
    assert (second.first, second.second, third.first, third.second) == ("a", "b", "a", "c")
    assert (second.only_first_right, second.only_second_right) == (0, 20)
    assert second.difference == pytest.approx(0.1)
    assert second.adjusted_p_value == pytest.approx(2 * second.p_value)
    assert second.verdict.startswith("the difference of +10.0 points (")
    assert second.verdict.endswith(") exceeds the noise")
    assert third.difference == 0
    assert third.verdict.endswith("does not exceed the noise")


def test_seeds_are_compared_where_both_have_them(compared):
    second, third = compared.pairs
    assert second.seeds["difference"] == pytest.approx(0.1)
    assert second.seeds["adjusted_p_value"] == second.seeds["p_value"]  # the only such pair
    assert second.seeds["verdict"].endswith("exceeds the noise")
    assert third.seeds is None


def test_the_table_tells_all(compared):
    table = str(compared)
    assert "200 test examples" in table
    assert "right alone: a 0, b 20" in table
    assert "over 3 and 3 seeds: the difference of +10.0 points" in table
    assert [line.split() for line in table.splitlines() if line.startswith(("epochs", "c "))][
        :2
    ] == [
        ["c", "0.8500", "0.8000", "to", "0.9000", "2.4177", "-"],
        ["epochs", "2", "3", "-"],
    ]


def test_as_dict_is_json(compared):
    content = json.loads(json.dumps(compared.as_dict()))
    assert set(content) == {"examples", "runs", "settings", "pairs", "facts"}
    assert content["pairs"][0]["only_second_right"] == 20


@pytest.mark.parametrize(
    ("names", "y", "probabilities", "message"),
    [
        (["a"], Y, [SURE], "1 to compare; expected at least 2"),
        (["a", "b"], Y, [SURE], "2 names do not fit"),
        (["a", "b"], Y[:0], [SURE[:0], SURE[:0]], "the test set is empty"),
        (["a", "b"], Y, [SURE, SURE[:9]], "answers of b have shape"),
        (["a", "b"], Y - 1, [SURE, SURE], "the least -1; expected integers"),
    ],
)
def test_what_cannot_be_compared_is_refused(names, y, probabilities, message):
    with pytest.raises(EvaluationError, match=message):
        compare(names, y, probabilities)
