import numpy as np
import pytest

from tests.report.test_plots import pixels
from tftrain.report.stability_plot import figure


def row(group, case, strength, accuracy, exceeds=False):
    return {"group": group, "case": case, "strength": strength, "accuracy": accuracy,
            "interval": [-0.1, 0.0], "exceeds_noise": exceeds}  # fmt: skip


GRADED = [row("corruptions", "noise", 1, 0.8), row("corruptions", "noise", 2, 0.5, exceeds=True)]
OTHERS = [row("seeds", "seed 0", None, 0.9), row("precisions", "int8", None, 0.7, exceeds=True)]


def measured(rows):
    return {"baseline": {"accuracy": 0.9}, "rows": rows}


def test_a_curve_begins_at_the_model_itself_and_marks_what_exceeds_the_noise():
    (axes,) = figure(measured(GRADED)).axes
    curve, *markers = axes.lines
    assert [list(curve.get_xdata()), list(curve.get_ydata())] == [[0, 1, 2], [0.9, 0.8, 0.5]]
    assert [marker.get_markerfacecolor() == "white" for marker in markers] == [True, False]


def test_other_cases_are_points_with_intervals_about_the_baseline():
    (axes,) = figure(measured(OTHERS)).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["seed 0", "int8"]
    interval = next(line for line in axes.lines if list(line.get_ydata()) == [1, 1])
    assert list(interval.get_xdata()) == pytest.approx([0.8, 0.9])


def test_both_are_drawn_side_by_side():
    drawn = figure(measured([*GRADED, *OTHERS]))
    assert len(drawn.axes) == 2
    assert np.ptp(pixels(drawn)) > 0
