"""What is shown of a sweep: on a terminal, in a table, in the picture."""

import io
import re

import pytest

from tftrain.sweeps import Asked, Choices, Range, Sweep, boards, picture, tables
from tftrain.sweeps.folder import SweepFolder

SPACE = {"optimizer": ["sgd", "adam"], "rate": Range(1e-4, 1e-1, log=True)}


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def sweep(tmp_path):
    """Three trials that have ended, one under way, one to come."""
    found = Sweep(Asked(SPACE, trials=6), SweepFolder(tmp_path), [])
    ends = [("finished", 0.8), ("finished", 0.9), ("stopped", 0.95), ("running", 0.1)]
    for number, (state, value) in enumerate([*ends, ("failed", None)]):
        settings = {"optimizer": "adam", "rate": 0.01 * (number + 1)}
        trial = found.folder.new_trial(number, settings, number)
        trial.state, trial.value, trial.epochs, trial.seconds = state, value, 3, 10.0
        found.trials.append(trial)
    return found


def first_words(text):
    return [line.split()[0] for line in text.splitlines()]


def test_the_best_stands_first_and_is_one_that_has_finished(sweep):
    assert first_words(tables.table(sweep)) == ["trial", "001", "000", "003", "002", "004"]
    assert sweep.best.number == 1
    told = "6 trials: 2 finished, 1 running, 1 stopped early, 1 failed, 1 waiting"
    assert tables.summary(sweep) == told


def test_small_values_are_best_where_they_should_be(sweep):
    object.__setattr__(sweep.asked, "goal", "min")
    assert sweep.best.number == 0


def test_time_left_is_that_of_trials_under_way_and_to_come(sweep):
    sweep.trials[3].seconds = 4.0
    assert boards.seconds_left(sweep) == pytest.approx(6 + 10)  # one at a time
    sweep.trials = sweep.trials[3:4]
    assert boards.seconds_left(sweep) is None


def test_a_terminal_shows_one_table_that_is_drawn_over_itself(sweep, monkeypatch):
    monkeypatch.setenv("LINES", "8")
    monkeypatch.setenv("COLUMNS", "50")
    output, times = Terminal(), iter([0.0, 0.1, 0.2, 0.3, 1.0, 1.0, 1.0])
    board = boards.Table(output, lambda: next(times))
    board.happened(sweep, sweep.trials[0])
    drawn = output.getvalue()
    board.show(sweep)  # too soon
    assert output.getvalue() == drawn
    board.show(sweep)
    again = output.getvalue()[len(drawn) :]
    lines = re.sub(r"\x1b\[\d*[A-Z]", "", drawn).splitlines()
    assert len(lines) < 8
    assert max(map(len, lines)) < 50
    assert lines[-1] == "... and 1 more"
    assert any(line.startswith("003") for line in lines)  # under way
    assert again.startswith(f"\x1b[{len(lines)}A\r\x1b[J")
    board.close(sweep)
    assert output.getvalue().endswith("\x1b[J")


def test_a_board_fits_its_output():
    assert isinstance(boards.board(Terminal()), boards.Table)
    assert isinstance(boards.board(io.StringIO()), boards.Lines)


def test_the_picture_has_a_panel_a_setting_and_a_point_a_trial(sweep):
    panels = picture.figure(sweep).axes
    assert [each.get_xlabel() for each in panels] == ["optimizer", "rate"]
    assert [len(each.lines) for each in panels] == [4, 4]
    assert panels[1].get_xscale() == "log"
    colours = {line.get_color() for line in panels[1].lines if line.get_ydata()[0] == 0.9}
    assert colours == {"#cc6600"}


def test_a_value_far_from_the_others_does_not_flatten_them(sweep):
    sweep.trials[0].value = 1e4
    assert picture.figure(sweep).axes[0].get_yscale() == "log"


@pytest.mark.parametrize(
    ("values", "shown"),
    [((0.001, 0.01, 0.1), ["0.001", "0.01", "0.1"]), ((1e-6, 2e-6, 0.1), None)],
)
def test_values_are_named_where_their_names_do_not_touch(sweep, values, shown):
    sweep.asked.space["rate"] = Choices(values)
    panel = picture.figure(sweep).axes[1]
    named = [label.get_text() for label in panel.get_xticklabels()]
    assert named == shown if shown else "2e-06" not in named
