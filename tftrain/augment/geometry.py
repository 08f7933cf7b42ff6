"""Moves: flip, crop, translate, rotate, affine. In `compose`, several in a row are one."""

from __future__ import annotations

from typing import Any

from tftrain.augment import moves
from tftrain.augment.moves import Augmented, moved


def flip(
    images: Any,
    labels: Any,
    seed: Any,
    *,
    index: Any = None,
    horizontal: bool = True,
    vertical: bool = False,
) -> Augmented:
    """Mirrors each image with probability one half; pixels are copied exactly.

    Args:
        images, labels, seed, index: See `tftrain.augment`.
        horizontal: Swap left and right.
        vertical: Swap top and bottom, drawn independently.

    Example:
        >>> import numpy as np
        >>> images = np.tile(np.uint8([[[1], [2]]]), (6, 1, 1, 1))
        >>> flipped, _ = flip(images, None, seed=0)
        >>> sorted({tuple(image.ravel().tolist()) for image in flipped.numpy()})
        [(1, 2), (2, 1)]
    """
    return moved([moves.flip(horizontal, vertical)], images, labels, seed, index)


def crop(
    images: Any,
    labels: Any,
    seed: Any,
    *,
    index: Any = None,
    padding: int = 4,
    border: str = "zero",
) -> Augmented:
    """Pads each side and cuts a window of the image's size at a random place; copies exactly.

    Args:
        images, labels, seed, index: See `tftrain.augment`.
        padding: Pixels added on each side.
        border: What they hold: `zero`, `edge` or `reflect`.

    Reference: He et al., *Deep Residual Learning for Image Recognition*, 2016, section 4.2.
    """
    return moved([moves.crop(padding, border)], images, labels, seed, index)


def translate(
    images: Any,
    labels: Any,
    seed: Any,
    *,
    index: Any = None,
    amount: float = 0.1,
    border: str = "zero",
) -> Augmented:
    """Shifts each image along both axes, by fractions of a pixel too; bilinear.

    Args:
        images, labels, seed, index: See `tftrain.augment`.
        amount: Largest shift, as a share of the side it goes along, in [0, 1].
        border: What is read outside the image: `zero`, `edge` or `reflect`.
    """
    return moved([moves.translate(amount, border)], images, labels, seed, index)


def rotate(
    images: Any,
    labels: Any,
    seed: Any,
    *,
    index: Any = None,
    degrees: float = 15.0,
    border: str = "zero",
) -> Augmented:
    """Turns each image about its centre; bilinear.

    Args:
        images, labels, seed, index: See `tftrain.augment`.
        degrees: Largest angle, either way, in [0, 180].
        border: What is read outside the image: `zero`, `edge` or `reflect`.
    """
    return moved([moves.rotate(degrees, border)], images, labels, seed, index)


def affine(
    images: Any,
    labels: Any,
    seed: Any,
    *,
    index: Any = None,
    degrees: float = 15.0,
    scale: float = 0.1,
    shear: float = 0.1,
    border: str = "zero",
) -> Augmented:
    """Shears, scales and turns each image about its centre, in one bilinear resampling.

    Args:
        images, labels, seed, index: See `tftrain.augment`.
        degrees: Largest angle, either way, in [0, 180].
        scale: The image becomes 1-scale to 1+scale times as large, in [0, 0.9].
        shear: Largest shift to either side a pixel of height, in [0, 1].
        border: What is read outside the image: `zero`, `edge` or `reflect`.
    """
    return moved([moves.affine(degrees, scale, shear, border)], images, labels, seed, index)
