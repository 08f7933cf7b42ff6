import numpy as np

from tftrain.report import plots


def pixels(figure):
    import io

    from matplotlib import image

    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    picture.seek(0)
    return image.imread(picture)


def test_many_classes_are_shaded_by_their_share():
    (axes,) = plots.confusion_matrix(np.array([[3, 0], [7, 1]]), ["a", "b"]).axes
    np.testing.assert_allclose(axes.images[0].get_array(), [[1, 0], [np.cbrt(7 / 8), 0.5]])


def test_grid_draws_each_image_once():
    figure = plots.image_grid(np.zeros((9, 4, 4, 3)), [str(n) for n in range(9)], columns=4)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == [str(n) for n in range(9)]
    places = {tuple(image.get_extent()) for image in axes.images}
    assert len(places) == len(axes.images) == 9
    assert pixels(figure).shape[2] == 4


def test_a_label_is_no_formula():
    plots.image_grid(np.zeros((1, 4, 4, 1)), [r"$\lost$"]).draw_without_rendering()


def test_a_search_is_drawn_with_its_suggestion():
    rates, losses = np.array([0.01, 0.1, 1.0]), np.array([2.0, 1.0, 9.0])
    (axes,) = plots.learning_rate_search(rates, losses, 0.05).axes
    curve, line = axes.lines
    assert list(curve.get_ydata()) == [2.0, 1.0, 9.0]
    assert list(line.get_xdata()) == [0.05, 0.05]
    assert axes.get_ylim()[1] == 4.0
