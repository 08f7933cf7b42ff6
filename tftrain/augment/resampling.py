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
    x, across = _held(x, images.shape[2], border)
    y, down = _held(y, images.shape[1], border)
    pixels = _gathered(images, x, y)
    return tf.where((across & down)[..., tf.newaxis], pixels, tf.zeros([], pixels.dtype))


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
    columns = _neighbours(x, pixels.shape[2], border)
    rows = _neighbours(y, pixels.shape[1], border)
    # A sum in which each pixel stands once: XLA reads a pixel again wherever it is used again.
    return sum(
        _gathered(pixels, column, row) * (across * down)[..., tf.newaxis]
        for row, down in rows
        for column, across in columns
    )


def _neighbours(
    place: tf.Tensor, size: int, border: str
) -> tuple[tuple[tf.Tensor, tf.Tensor], ...]:
    """The two pixels beside a place on an axis, and what each contributes."""
    low = tf.floor(place)
    share, low = place - low, tf.cast(low, tf.int32)
    (first, first_inside), (second, second_inside) = (
        _held(pixel, size, border) for pixel in (low, low + 1)
    )
    return (
        (first, tf.where(first_inside, 1 - share, 0.0)),
        (second, tf.where(second_inside, share, 0.0)),
    )


def _held(place: tf.Tensor, size: int, border: str) -> tuple[tf.Tensor, tf.Tensor]:
    """A pixel on an axis of the image for any pixel, and whether it is to be seen there."""
    inside = (place >= 0) & (place < size)
    if border == "reflect":
        period = max(2 * (size - 1), 1)
        place = tf.math.floormod(place, period)
        place = tf.minimum(place, period - place)
    visible = inside if border == "zero" else tf.ones_like(inside)
    return tf.clip_by_value(place, 0, size - 1), visible


def _gathered(images: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    height, width, channels = images.shape[1:]
    first = (tf.range(tf.shape(images)[0]) * (height * width))[:, tf.newaxis, tf.newaxis]
    return tf.gather(tf.reshape(images, [-1, channels]), first + y * width + x)
