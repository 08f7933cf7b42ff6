"""Read images at other places: by whole pixels, or between them.

Gathers and not TensorFlow's own kernel for this (ImageProjectiveTransformV3): XLA cannot compile
that one, and compiled gathers are several times faster.
"""

from __future__ import annotations

from tftrain.augment.images import from_unit, to_unit
from tftrain.augment.programs import compiled
from tftrain.augment.transforms import Transform
from tftrain.errors import UnknownName
from tftrain.keras_api import tf

BORDERS = ("zero", "edge", "reflect")


def check_border(border: str) -> None:
    """Raises UnknownName unless `border` is one of `BORDERS`."""
    if border not in BORDERS:
        raise UnknownName("border", border, BORDERS)


@compiled
def resampled(
    images: tf.Tensor, transform: Transform, border: str, whole: bool, dtype: tf.DType
) -> tf.Tensor:
    """Images read through a transform, as copies of whole pixels or between them.

    Args:
        images: `[B, H, W, C]`, uint8 or float.
        transform: Where each pixel is read.
        border: As in `at_pixels`.
        whole: The transform leads to whole pixels only.
        dtype: Of the result, if it is not a copy of whole pixels.

    Returns:
        Images of the same shape.
    """
    x, y = transform.sources(*images.shape[1:3])
    if whole:
        return at_pixels(images, tf.cast(x, tf.int32), tf.cast(y, tf.int32), border)
    return from_unit(between_pixels(to_unit(images), x, y, border), dtype)


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
    column, row = tf.cast(left, tf.int32), tf.cast(top, tf.int32)
    to_right, to_bottom = (x - left)[..., tf.newaxis], (y - top)[..., tf.newaxis]
    # A sum in which each pixel stands once: XLA reads a pixel again for each time it is used.
    return (
        at_pixels(pixels, column, row, border) * ((1 - to_right) * (1 - to_bottom))
        + at_pixels(pixels, column + 1, row, border) * (to_right * (1 - to_bottom))
        + at_pixels(pixels, column, row + 1, border) * ((1 - to_right) * to_bottom)
        + at_pixels(pixels, column + 1, row + 1, border) * (to_right * to_bottom)
    )


def _reflected(place: tf.Tensor, size: int) -> tf.Tensor:
    period = max(2 * (size - 1), 1)
    place = tf.math.floormod(place, period)
    return tf.minimum(place, period - place)
