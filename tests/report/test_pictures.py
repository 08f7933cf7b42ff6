import base64
import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from tftrain.report import pictures, style


def content(picture):
    head, _, text = picture.address.partition(";base64,")
    return head.removeprefix("data:image/"), base64.b64decode(text)


def test_a_figure_is_an_svg_without_a_ground():
    figure, (axes,) = style.panels([2])
    style.line(axes, [1, 2], [3, 4])
    made = pictures.drawn(figure, "two points")
    kind, svg = content(made)
    assert kind == "svg+xml"
    assert svg.startswith(b"<svg")
    assert b"fill: #ffffff" not in svg
    assert (made.width, made.height, made.alt) == (480, 192, "two points")


def test_a_figure_of_very_many_parts_is_a_png():
    figure = Figure(figsize=(2, 1))
    figure.subplots().scatter(*np.random.default_rng(0).random((2, 5000)), marker="x")
    kind, png = content(pictures.drawn(figure, "dots"))
    assert kind == "png"
    assert Image.open(io.BytesIO(png)).size == (384, 192)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_small_photo_keeps_its_pixels(channels):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 9, channels))
    kind, png = content(pictures.photo(pixels / 255, "alt", "caption"))
    assert kind == "png"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png))), pixels.squeeze())


def test_a_large_photo_is_shrunk():
    made = pictures.photo(np.zeros((300, 600, 3)), "alt", "caption")
    assert (made.width, made.height) == (128, 64)
