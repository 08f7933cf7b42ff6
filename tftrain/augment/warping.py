"""Elastic warps: every pixel is displaced by a smooth random field of the image's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from tftrain.augment import randomness
from tftrain.augment.images import checked, from_unit, numbers, to_unit
from tftrain.augment.moves import Augmented
from tftrain.augment.programs import compiled
from tftrain.augment.resampling import between_pixels, check_border
from tftrain.augment.settings import check
from tftrain.keras_api import tf


def elastic(
    images: Any,
    labels: Any,
    seed: Any,
    *,
    index: Any = None,
    amount: float = 0.05,
    smoothness: float = 0.14,
    border: str = "zero",
) -> Augmented:
    """Warps each image by uniform noise that a Gaussian has smoothed; bilinear.

    The defaults are the paper's for 28x28 digits (sigma of 4 pixels, alpha of 34), as shares of
    the side, so that they mean the same at any size.

    Args:
        images, labels, seed, index: See `tftrain.augment`.
        amount: Standard deviation of the displacement along each axis, as a share of the
            shorter side, in [0, 1].
        smoothness: Standard deviation of the Gaussian, as a share of the shorter side, in
            [0.01, 1].
        border: What is read outside the image: `zero`, `edge` or `reflect`.

    Reference: Simard, Steinkraus and Platt, *Best Practices for Convolutional Neural Networks
    Applied to Visual Document Analysis*, ICDAR 2003.
    """
    check("elastic", amount=amount, smoothness=smoothness)
    check_border(border)
    images = checked(images)
    height, width = images.shape[1:3]
    index = numbers(index, images)
    noise = randomness.uniform(randomness.key(seed, "elastic"), index, 2 * height * width)
    sigma = smoothness * min(height, width)
    return _warped(images, noise, sigma, amount * min(height, width), border), labels


@compiled
def _warped(
    images: tf.Tensor, noise: tf.Tensor, sigma: float, amount: float, border: str
) -> tf.Tensor:
    height, width = images.shape[1:3]
    field = tf.reshape(2 * noise - 1, [-1, height, width])  # an image's two follow one another
    down, across = _smoothing(height, sigma), _smoothing(width, sigma)
    field = tf.einsum("ih,bhw,jw->bij", down, field, across)
    field = tf.reshape(field, [-1, 2, height, width]) * amount
    x = tf.range(width, dtype=tf.float32) + field[:, 0]
    y = tf.range(height, dtype=tf.float32)[:, tf.newaxis] + field[:, 1]
    return from_unit(between_pixels(to_unit(images), x, y, border), images.dtype)


def _smoothing(size: int, sigma: float) -> np.ndarray:
    """A Gaussian filter along one axis as a matrix `[size, size]`, float32.

    Each row is scaled so that both axes together turn uniform noise in [-1, 1] into noise of
    standard deviation one, at the edges too.
    """
    offsets = np.arange(size)[:, np.newaxis] - np.arange(size)
    gaussian = np.exp(-0.5 * (offsets / sigma) ** 2)
    deviation = np.linalg.norm(gaussian, axis=1, keepdims=True) * 3**-0.25
    return (gaussian / deviation).astype(np.float32)
