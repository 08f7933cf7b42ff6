from tftrain.report.comparison_plot import figure

RUNS = [{"name": name, "accuracy": 0.9, "accuracy_interval": [0.88, 0.92]} for name in "abc"]
PAIRS = [
    {"second": "b", "difference": 0.02, "interval": [0.01, 0.03], "adjusted_p_value": 0.01},
    {"second": "c", "difference": 0.0, "interval": [-0.01, 0.01], "adjusted_p_value": 1.0},
]


def test_differences_stand_beside_the_runs_they_are_of():
    left, right = figure({"runs": RUNS, "pairs": PAIRS}).axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["a", "b", "c"]
    points = [line for line in right.lines if line.get_marker() == "o"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in points] == [(2, 1), (0, 2)]


def test_what_exceeds_the_noise_has_another_colour():
    _, right = figure({"runs": RUNS, "pairs": PAIRS}).axes
    second, third = [line.get_color() for line in right.lines if line.get_marker() == "o"]
    assert second != third


def test_a_name_is_no_formula():
    runs = [{**RUNS[0], "name": r"$\lost$"}, {**RUNS[1], "name": "b $x_1$"}]
    drawn = figure({"runs": runs, "pairs": PAIRS[:1]})
    drawn.draw_without_rendering()  # where matplotlib would refuse the formula
    assert not any(label.get_parse_math() for label in drawn.axes[0].get_yticklabels())


def test_long_names_leave_room_for_titles():
    runs = [{**run, "name": f"{run['name']}{'-of-a-long-name' * 10}"} for run in RUNS]
    drawn = figure({"runs": runs, "pairs": PAIRS})
    drawn.draw_without_rendering()
    boxes = [axes.title.get_window_extent() for axes in drawn.axes]
    assert all(drawn.bbox.x0 <= box.x0 and box.x1 <= drawn.bbox.x1 for box in boxes)
    assert boxes[0].x1 < boxes[1].x0
