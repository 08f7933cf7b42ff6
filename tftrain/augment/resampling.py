"""Read images at other places: by whole pixels, or between them.

Plain gathers, so that one program serves eager calls, graphs and XLA: TensorFlow's own kernel
(ImageProjectiveTransformV3) cannot be compiled by XLA, and compiled gathers are several times
faster (docs/how-to/augment.md).
"""

from __future__ import annotations

from tftrain.errors import UnknownName
from tftrain.keras_api import tf

BORDERS = ("zero", "edge", "reflect")


def check_border(border: str) -> None:
    """Raises UnknownName unless `border` is one of `BORDERS`."""
    if border not in BORDERS:
        raise UnknownName("border", border, BORDERS)


def at_pixels(images: tf.Tensor, x: tf.Tensor, y: tf.Tensor, border: str) -> tf.Tensor:
    """Copies of pixels.

    Args:
        images: `[B, H, W, C]` of any type.
        x: Columns to read, int32 `[B, H', W']`; may lie outside the image.
        y: Rows to read, likewise.
        border: What lies outside: `zero`, the nearest `edge` pixel, or the image `reflect`ed
            about its edge pixels.

    Returns:
        `[B, H', W', C]` of the images' type.
    """
    height, width, channels = images.shape[1:]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    if border == "reflect":
        x, y = _reflected(x, width), _reflected(y, height)
    x, y = tf.clip_by_value(x, 0, width - 1), tf.clip_by_value(y, 0, height - 1)
    first = (tf.range(tf.shape(images)[0]) * (height * width))[:, tf.newaxis, tf.newaxis]
    pixels = tf.gather(tf.reshape(images, [-1, channels]), first + y * width + x)
    if border == "zero":
        pixels = tf.where(inside[..., tf.newaxis], pixels, tf.zeros([], pixels.dtype))
    return pixels


def between_pixels(pixels: tf.Tensor, x: tf.Tensor, y: tf.Tensor, border: str) -> tf.Tensor:
    """Bilinear interpolation; at whole coordinates an exact copy.

    Args:
        pixels: float32 `[B, H, W, C]`.
        x: Columns to read, float32 `[B, H', W']`.
        y: Rows to read, likewise.
        border: As in `at_pixels`.

    Returns:
        float32 `[B, H', W', C]`.
    """
    left, top = tf.floor(x), tf.floor(y)
    right_share, bottom_share = (x - left)[..., tf.newaxis], (y - top)[..., tf.newaxis]
    column, row = tf.cast(left, tf.int32), tf.cast(top, tf.int32)

    def line(y: tf.Tensor) -> tf.Tensor:
        near = at_pixels(pixels, column, y, border)
        return near + right_share * (at_pixels(pixels, column + 1, y, border) - near)

    upper = line(row)
    return upper + bottom_share * (line(row + 1) - upper)


def _reflected(place: tf.Tensor, size: int) -> tf.Tensor:
    period = max(2 * (size - 1), 1)
    place = tf.math.floormod(place, period)
    return tf.minimum(place, period - place)
