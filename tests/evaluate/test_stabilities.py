import json

import numpy as np
import pytest

from tftrain.errors import EvaluationError, UnknownName
from tftrain.evaluate import stability

Y = np.arange(100) % 2
SURE = np.eye(2)[Y]


def wrong_in(count):
    """Answers of which so many are wrong."""
    given = SURE.copy()
    given[:count] = 1 - given[:count]
    return lambda: given


@pytest.fixture(scope="module")
def measured():
    return stability(
        Y,
        wrong_in(5)(),
        {
            "seeds": {"seed 0": wrong_in(5), "seed 1": wrong_in(7)},
            "corruptions": {("noise", 1): wrong_in(6), ("noise", 2): wrong_in(60)},
            "precisions": {"int8": wrong_in(5)},
            "strategies": {},
        },
    )


def test_rows_by_hand(measured):
    row = measured.rows[3]
    assert (row.group, row.case, row.strength) == ("corruptions", "noise", 2)
    assert (row.accuracy, row.change) == (0.4, pytest.approx(-0.55))
    assert row.p_value == pytest.approx(2 / 2**55)
    assert row.adjusted_p_value == pytest.approx(4 / 2**55)  # of two rows in its group
    assert row.loss == pytest.approx(0.6 * -np.log(1e-7))
    assert [row.exceeds_noise for row in measured.rows] == [False, False, False, True, False]


def test_summaries_by_hand(measured):
    seeds, corruptions, precisions = measured.summaries
    assert seeds.standard_deviation == pytest.approx(np.std([0.95, 0.93], ddof=1))
    assert (corruptions.worst, corruptions.worst_case) == (0.4, "noise at strength 2")
    assert (corruptions.cases, corruptions.exceeding) == (2, 1)
    assert precisions.standard_deviation is None


def test_verdicts_say_it_in_words(measured):
    assert measured.verdicts == (
        "Over 2 seeds the accuracy is 94.00% with a standard deviation of 1.41 points; the worst "
        "is 93.00% (seed 1).",
        "Over corruptions 1 of 2 differences exceeds the noise; the lowest of them is noise at "
        "strength 2, -55.0 points (-63.8 to -44.1).",
        "Over precisions no difference exceeds the noise; the lowest is int8, +0.0 points "
        "(-1.9 to +1.9).",
    )


def test_the_table_has_a_line_a_corruption_and_a_line_a_case(measured):
    lines = measured.table().splitlines()
    assert lines[0] == "baseline  0.9500  (100 examples)"
    assert "noise        0.9400   0.4000*" in lines
    assert any(line.startswith("seed 1") and "0.9300" in line for line in lines)
    assert "strategies" not in measured.table()


def refused():
    raise EvaluationError(["an LSTM has no integers"])


def test_a_case_that_cannot_be_measured_is_told_and_the_others_are_measured():
    found = stability(Y, SURE, {"precisions": {"int8": refused, "float32": wrong_in(0)}})
    assert [row.case for row in found.rows] == ["float32"]
    assert found.notes == ("int8 cannot be measured: an LSTM has no integers",)
    assert "note: int8 cannot be measured: an LSTM has no integers" in str(found)
    assert found.as_dict()["notes"] == list(found.notes)


def test_nothing_that_can_be_measured_is_refused():
    with pytest.raises(EvaluationError, match="int8 cannot be measured: an LSTM has no integers"):
        stability(Y, SURE, {"precisions": {"int8": refused}})


def test_as_dict_is_json(measured):
    content = json.loads(json.dumps(measured.as_dict()))
    assert content["baseline"] == {"accuracy": 0.95, "loss": pytest.approx(0.05 * -np.log(1e-7)),
                                   "examples": 100}  # fmt: skip
    assert content["verdict"] == " ".join(measured.verdicts)
    assert set(content["rows"][0]) >= {
        "group", "case", "strength", "accuracy", "loss", "change", "p_value",
    }  # fmt: skip


def test_a_loss_that_is_no_number_is_none():
    given = SURE.copy()
    given[:, :] = np.nan
    assert stability(Y, SURE, {"precisions": {"float16": lambda: given}}).rows[0].loss is None


@pytest.mark.parametrize(
    ("y", "baseline", "groups", "message"),
    [
        (Y[:0], SURE[:0], {"precisions": {"int8": wrong_in(0)}}, "the test set is empty"),
        (Y, SURE[:5], {"precisions": {"int8": wrong_in(0)}}, r"the model have shape \(5, 2\)"),
        (Y, SURE, {"precisions": {"int8": lambda: SURE[:, :1]}}, "answers of precisions: int8"),
        (Y, SURE, {"precisions": {}}, "no cases to measure"),
        (Y, SURE, {"seeds": {"seed 0": wrong_in(0)}}, "one seed has no spread"),
    ],
)
def test_what_cannot_be_measured_is_refused(y, baseline, groups, message):
    with pytest.raises(EvaluationError, match=message):
        stability(y, baseline, groups)


def test_an_unknown_group_is_named():
    with pytest.raises(UnknownName, match="did you mean 'seeds'"):
        stability(Y, SURE, {"seed": {"seed 0": wrong_in(0)}})
