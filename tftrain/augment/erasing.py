"""Cutout: a square of each image is blanked."""

from __future__ import annotations

from typing import Any

from tftrain.augment import randomness
from tftrain.augment.images import checked, from_unit, numbers, per_image
from tftrain.augment.moves import Augmented
from tftrain.augment.programs import compiled
from tftrain.augment.settings import check
from tftrain.keras_api import tf


def cutout(
    images: Any,
    labels: Any,
    seed: Any,
    *,
    index: Any = None,
    size: float = 0.5,
    fill: float = 0.0,
) -> Augmented:
    """Blanks a square whose centre lies anywhere in the image; what sticks out is cut off.

    Args:
        images, labels, seed, index: See `tftrain.augment`.
        size: Side of the square as a share of the shorter side, in [0, 1].
        fill: What the square holds, in [0, 1] where 1 is white.

    Reference: DeVries and Taylor, *Improved Regularization of Convolutional Neural Networks with
    Cutout*, 2017 (16 pixels of 32 for CIFAR-10).
    """
    check("cutout", size=size, fill=fill)
    images = checked(images)
    height, width = images.shape[1:3]
    draws = randomness.uniform(randomness.key(seed, "cutout"), numbers(index, images), 2)
    side = tf.fill(tf.shape(draws)[:1], float(round(size * min(height, width))))
    box = boxes(draws, side, side, (height, width))
    return _blanked(images, box, fill), labels


def boxes(
    draws: tf.Tensor, high: tf.Tensor, wide: tf.Tensor, size: tuple[int, int]
) -> tuple[tf.Tensor, ...]:
    """Boxes whose centres were drawn anywhere in the image, without what sticks out of it.

    Args:
        draws: Uniform in [0, 1), `[B, 2]`: the centre, across and down.
        high: Whole pixels, float32 `[B]`.
        wide: Likewise.
        size: Height and width of the image.

    Returns:
        Left, top, right and bottom, float32 `[B]`; right and bottom lie just outside.
    """
    height, width = size
    left = tf.floor(draws[:, 0] * width) - tf.floor(wide / 2)
    top = tf.floor(draws[:, 1] * height) - tf.floor(high / 2)
    return (
        tf.maximum(left, 0),
        tf.maximum(top, 0),
        tf.minimum(left + wide, width),
        tf.minimum(top + high, height),
    )


def within(box: tuple[tf.Tensor, ...], size: tuple[int, int]) -> tf.Tensor:
    """Which pixels lie in the image's box: bool `[B, H, W, 1]`."""
    left, top, right, bottom = map(per_image, box)
    x = tf.range(size[1], dtype=tf.float32)[tf.newaxis, tf.newaxis, :, tf.newaxis]
    y = tf.range(size[0], dtype=tf.float32)[tf.newaxis, :, tf.newaxis, tf.newaxis]
    return (x >= left) & (x < right) & (y >= top) & (y < bottom)


@compiled
def _blanked(images: tf.Tensor, box: tuple[tf.Tensor, ...], fill: float) -> tf.Tensor:
    blank = from_unit(tf.constant(fill, tf.float32), images.dtype)
    return tf.where(within(box, tuple(images.shape[1:3])), blank, images)
