"""Steps that only say where each pixel is read, so that several in a row are one resampling."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tftrain.augment import randomness
from tftrain.augment.images import checked, numbers
from tftrain.augment.resampling import check_border, resampled
from tftrain.augment.settings import check
from tftrain.augment.transforms import Transform, about_centre, flips, shifts
from tftrain.keras_api import tf

Augmented = tuple[Any, Any]


class Move(NamedTuple):
    """A move that is drawn for each image.

    Attributes:
        name: The augmentation's name, which its random numbers are drawn under.
        draws: Random numbers an image.
        transform: From draws `[B, draws]` and (height, width) to a Transform.
        whole: It reads whole pixels only.
        border: What lies outside the image; None if nothing outside is ever read.
    """

    name: str
    draws: int
    transform: Callable[[tf.Tensor, tuple[int, int]], Transform]
    whole: bool
    border: str | None


def flip(horizontal: bool, vertical: bool) -> Move:
    """See `geometry.flip`."""
    return Move(
        "flip", 2, lambda u, size: flips(u, size, horizontal, vertical), whole=True, border=None
    )


def crop(padding: int, border: str) -> Move:
    """See `geometry.crop`."""
    check("crop", padding=padding)
    check_border(border)

    def transform(draws: tf.Tensor, size: tuple[int, int]) -> Transform:
        offsets = tf.floor(draws * (2 * padding + 1)) - padding
        return shifts(offsets[:, 0], offsets[:, 1])

    return Move("crop", 2, transform, whole=True, border=border)


def translate(amount: float, border: str) -> Move:
    """See `geometry.translate`."""
    check("translate", amount=amount)
    check_border(border)

    def transform(draws: tf.Tensor, size: tuple[int, int]) -> Transform:
        offsets = (2 * draws - 1) * amount
        return shifts(offsets[:, 0] * size[1], offsets[:, 1] * size[0])

    return Move("translate", 2, transform, whole=False, border=border)


def rotate(degrees: float, border: str) -> Move:
    """See `geometry.rotate`."""
    check("rotate", degrees=degrees)
    check_border(border)
    return Move(
        "rotate", 3, functools.partial(_warped, degrees, 0.0, 0.0), whole=False, border=border
    )


def affine(degrees: float, scale: float, shear: float, border: str) -> Move:
    """See `geometry.affine`."""
    check("affine", degrees=degrees, scale=scale, shear=shear)
    check_border(border)
    return Move(
        "affine", 3, functools.partial(_warped, degrees, scale, shear), whole=False, border=border
    )


def _warped(
    degrees: float, scale: float, shear: float, draws: tf.Tensor, size: tuple[int, int]
) -> Transform:
    either_way = 2 * draws - 1
    angle = either_way[:, 0] * math.radians(degrees)
    cos, sin = tf.cos(angle), tf.sin(angle)
    scale, shear = 1 + either_way[:, 1] * scale, either_way[:, 2] * shear
    # The inverse of shearing, then scaling, then turning clockwise on the screen.
    return about_centre(
        size, (cos + shear * sin) / scale, (sin - shear * cos) / scale, -sin / scale, cos / scale
    )


def moved(
    moves: Sequence[Move],
    images: Any,
    labels: Any,
    seed: Any,
    index: Any,
    repetitions: Sequence[int] | None = None,
    dtype: str | None = None,
) -> Augmented:
    """The images after all moves, resampled once.

    Each pixel is read from the image as it was given: what an earlier move pushed over the edge
    and a later one brings back is still there.

    Args:
        moves: At least one; their borders, where they have one, must be the same.
        images: `[B, H, W, C]`, uint8, or float in [0, 1].
        labels: Returned as they are.
        seed: Integers of shape [] or [2].
        index: The examples' numbers, integers `[B]`, or None for 0 to B-1.
        repetitions: How often the same augmentation came before, for each move.
        dtype: Of images that are resampled between pixels; None keeps the type.

    Returns:
        Images of the same shape and type, and the labels.
    """
    images = checked(images)
    index = numbers(index, images)
    size = tuple(images.shape[1:3])
    transforms = []
    for move, repetition in zip(moves, repetitions or [0] * len(moves), strict=True):
        key = randomness.key(randomness.another(seed, repetition), move.name)
        transforms.append(move.transform(randomness.uniform(key, index, move.draws), size))
    transform = functools.reduce(Transform.then, transforms)
    (border,) = {move.border for move in moves if move.border} or {"edge"}
    whole = all(move.whole for move in moves)
    dtype = tf.as_dtype(dtype or images.dtype)
    return resampled(images, transform, border, whole, dtype), labels
