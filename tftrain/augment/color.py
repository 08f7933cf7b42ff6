"""Changes of colour: brightness, contrast, saturation, hue. Every result is held in [0, 1]."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tftrain.augment import randomness
from tftrain.augment.images import checked, from_unit, numbers, per_image, to_unit
from tftrain.augment.moves import Augmented
from tftrain.augment.programs import compiled
from tftrain.augment.settings import check
from tftrain.errors import BadInput
from tftrain.keras_api import tf

LUMA = np.float32([0.299, 0.587, 0.114])  # ITU-R BT.601


def brightness(
    images: Any, labels: Any, seed: Any, *, index: Any = None, amount: float = 0.2
) -> Augmented:
    """Adds one number to all pixels of an image.

    Args:
        images, labels, seed, index: See `tftrain.augment`.
        amount: Largest number, either way, in [0, 1] where 1 is from black to white.
    """
    return _recolored("brightness", brightened, images, labels, seed, index, amount)


def contrast(
    images: Any, labels: Any, seed: Any, *, index: Any = None, amount: float = 0.3
) -> Augmented:
    """Moves all pixels of an image away from its mean, or towards it.

    Args:
        images, labels, seed, index: See `tftrain.augment`.
        amount: Distances are multiplied by a factor in 1-amount to 1+amount; in [0, 1].
    """
    return _recolored("contrast", contrasted, images, labels, seed, index, amount)


def saturation(
    images: Any, labels: Any, seed: Any, *, index: Any = None, amount: float = 0.4
) -> Augmented:
    """Moves all pixels of an image away from grey, or towards it; grey images do not change.

    Args:
        images, labels, seed, index: See `tftrain.augment`; C is 1 or 3 (red, green, blue).
        amount: Distances are multiplied by a factor in 1-amount to 1+amount; in [0, 1].
    """
    return _recolored("saturation", saturated, images, labels, seed, index, amount)


def hue(
    images: Any, labels: Any, seed: Any, *, index: Any = None, amount: float = 0.05
) -> Augmented:
    """Turns the colours of an image around the axis of greys; grey images do not change.

    The turn is one in the chroma plane of YIQ, so brightness as the eye sees it stays.

    Args:
        images, labels, seed, index: See `tftrain.augment`; C is 1 or 3 (red, green, blue).
        amount: Largest turn, either way, as a share of the full circle, in [0, 0.5].
    """
    return _recolored("hue", turned, images, labels, seed, index, amount)


def brightened(pixels: tf.Tensor, change: tf.Tensor) -> tf.Tensor:
    """Pixels float32 `[B, H, W, C]` plus a change `[B]`."""
    return pixels + per_image(change)


def contrasted(pixels: tf.Tensor, change: tf.Tensor) -> tf.Tensor:
    """Pixels whose distances from the image's mean are multiplied by 1 + change."""
    mean = tf.reduce_mean(pixels, axis=[1, 2, 3], keepdims=True)
    return pixels + per_image(change) * (pixels - mean)


def saturated(pixels: tf.Tensor, change: tf.Tensor) -> tf.Tensor:
    """Pixels whose distances from grey are multiplied by 1 + change."""
    if not _colored(pixels):
        return pixels
    grey = tf.reduce_sum(pixels * LUMA, axis=-1, keepdims=True)
    return pixels + per_image(change) * (pixels - grey)


def turned(pixels: tf.Tensor, turns: tf.Tensor) -> tf.Tensor:
    """Pixels whose chroma is turned by a share of the full circle.

    Written as what is added, so that no turn adds exactly nothing.
    """
    if not _colored(pixels):
        return pixels
    angle = per_image(turns) * (2 * math.pi)
    to_yiq = np.array([LUMA, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    from_yiq = np.linalg.inv(to_yiq)
    chroma = from_yiq @ np.diag([0, 1, 1]) @ to_yiq
    quarter = from_yiq @ np.array([[0, 0, 0], [0, 0, -1], [0, 1, 0]]) @ to_yiq
    return (
        pixels
        + (tf.cos(angle) - 1) * _mixed(pixels, chroma)
        + tf.sin(angle) * _mixed(pixels, quarter)
    )


def _recolored(
    name: str,
    change: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    images: Any,
    labels: Any,
    seed: Any,
    index: Any,
    amount: float,
) -> Augmented:
    check(name, amount=amount)
    images = checked(images)
    draws = randomness.uniform(randomness.key(seed, name), numbers(index, images), 1)[:, 0]
    return _changed(images, amount * (2 * draws - 1), change), labels


@compiled
def _changed(
    images: tf.Tensor, amount: tf.Tensor, change: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
) -> tf.Tensor:
    pixels = change(to_unit(images), amount)
    return from_unit(tf.clip_by_value(pixels, 0, 1), images.dtype)


def _colored(pixels: tf.Tensor) -> bool:
    channels = pixels.shape[-1]
    if channels not in (1, 3):
        raise BadInput(
            f"images have {channels} channels; saturation and hue need 1 (grey) or 3 (red, green, "
            "blue)"
        )
    return channels == 3


def _mixed(pixels: tf.Tensor, matrix: np.ndarray) -> tf.Tensor:
    """Each channel as a weighted sum of channels; no matrix product, for it could be rounded."""
    columns = matrix.T.astype(np.float32)
    return sum(pixels[..., channel, tf.newaxis] * columns[channel] for channel in range(3))
