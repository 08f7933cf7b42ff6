import numpy as np

from tftrain.report import plots


def pixels(figure):
    import io

    from matplotlib import image

    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    picture.seek(0)
    return image.imread(picture)


def test_curves_have_a_line_a_metric_and_part():
    metrics = [{"epoch": 1, "loss": 1.0, "accuracy": 0.5, "val_loss": 2.0, "val_accuracy": 0.4}]
    loss, accuracy = plots.learning_curves(metrics).axes
    assert [line.get_ydata()[0] for line in loss.lines] == [1.0, 2.0]
    assert [line.get_ydata()[0] for line in accuracy.lines] == [0.5, 0.4]


def test_confusion_shows_every_count_that_is_not_zero():
    (axes,) = plots.confusion_matrix(np.array([[3, 1], [0, 4]]), ["a", "b"]).axes
    assert sorted(text.get_text() for text in axes.texts) == ["1", "3", "4"]


def test_grid_draws_each_image_once():
    figure = plots.image_grid(np.zeros((9, 4, 4, 3)), [str(n) for n in range(9)], columns=4)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == [str(n) for n in range(9)]
    places = {tuple(image.get_extent()) for image in axes.images}
    assert len(places) == len(axes.images) == 9
    assert pixels(figure).shape[2] == 4


def test_a_figure_becomes_a_png_inside_an_address():
    figure = plots.image_grid(np.zeros((1, 4, 4, 1)), ["x"])
    assert plots.as_data_uri(figure).startswith("data:image/png;base64,iVBOR")


def test_the_learning_rate_is_drawn_as_planned_and_as_found():
    planned, found = [(0.0, 0.1), (1.0, 0.2)], [{"epoch": 1, "learning_rate": 0.2}]
    (axes,) = plots.learning_rate(planned, found).axes
    assert [list(line.get_ydata()) for line in axes.lines] == [[0.1, 0.2], [0.2]]


def test_a_search_is_drawn_with_its_suggestion():
    rates, losses = np.array([0.01, 0.1, 1.0]), np.array([2.0, 1.0, 9.0])
    (axes,) = plots.learning_rate_search(rates, losses, 0.05).axes
    curve, line = axes.lines
    assert list(curve.get_ydata()) == [2.0, 1.0, 9.0]
    assert list(line.get_xdata()) == [0.05, 0.05]
    assert axes.get_ylim()[1] == 4.0
