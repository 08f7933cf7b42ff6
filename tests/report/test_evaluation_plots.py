"""What the plots of an evaluation draw."""

import numpy as np
import pytest

from tftrain.evaluate import quality
from tftrain.report import calibration_plot, speed_plot

Y = np.array([0, 1, 1, 0, 1])
P = np.array([[0.9, 0.1], [0.75, 0.25], [0.3, 0.7], [0.55, 0.45], [0.05, 0.95]])
ROWS = [
    {"batch": 1, "median_ms": 1.0, "p95_ms": 2.0, "p99_ms": 3.0, "predict_ms": 9.0,
     "examples_per_second": 1000.0},
    {"batch": 32, "median_ms": 4.0, "p95_ms": 5.0, "p99_ms": 6.0, "predict_ms": 12.0,
     "examples_per_second": 8000.0},
]  # fmt: skip
START = {"import_seconds": 2.0, "load_seconds": 0.5, "first_answer_seconds": 0.25}


def heights(axes):
    return [round(bar.get_height(), 6) for bar in axes.patches]


def test_the_reliability_diagram_has_a_bar_a_bin_and_counts_beneath():
    above, beneath = calibration_plot.figure(quality(Y, P, "ab").as_dict()).axes
    assert heights(above) == [1.0, 1.0, 0.0, 1.0, 1.0]  # 0.55, 0.7, 0.75, 0.9, 0.95
    assert sum(heights(beneath)) == 5
    (confidences,) = above.collections
    levels = [line[0][1] for line in confidences.get_segments()]
    assert levels == pytest.approx([0.55, 0.7, 0.75, 0.9, 0.95])


def test_a_temperature_has_a_diagram_of_its_own():
    figure = calibration_plot.figure(quality(Y, P, "ab", validation=(Y, P)).as_dict())
    assert len(figure.axes) == 4
    assert figure.axes[1].get_title().startswith("with temperature")


def test_without_calibration_there_is_no_diagram():
    assert calibration_plot.figure({"calibration": None}) is None


def test_speed_is_drawn_by_size_of_the_batch():
    speed = {"inference": ROWS, "training": {"batch": 8, "examples_per_second": 500.0}}
    latency, throughput = speed_plot.figure(speed).axes
    assert [list(line.get_ydata()) for line in latency.lines] == [[1.0, 4.0], [9.0, 12.0]]
    assert [list(line.get_ydata()) for line in throughput.lines] == [[1000.0, 8000.0], [500.0]]


def test_the_start_is_drawn_where_it_was_measured():
    *_, start = speed_plot.figure({"inference": ROWS, "startup": START}).axes
    assert [bar.get_width() for bar in start.patches] == [2.0, 0.5, 0.25]
