"""Corrupted images: noise, blur, brightness, contrast and rotation, each at five strengths.

Every function is called as `f(images, strength, seed=0, index=None)`. What happens to an image
depends on seed, strength and its number, not on its batch, and a greater strength goes further the
same way: the noise has the same pattern, the turn the same direction.

The manner, the functions and, but for blur and rotation, the five parameters are those of D.
Hendrycks, T. Dietterich, *Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations*, ICLR 2019. Theirs for blur are of 32 and of 224 pixels; here it grows with the root
of the image's shorter side, which leads from one to the other. Rotation is ours.
"""

from __future__ import annotations

import functools
import math
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tftrain.augment import color, resampling, transforms
from tftrain.errors import BadInput, UnknownName
from tftrain.evaluate.answers import predict
from tftrain.keras_api import tf

STRENGTHS = (1, 2, 3, 4, 5)
_PARAMETERS = {
    "noise": (0.08, 0.12, 0.18, 0.26, 0.38),  # standard deviation, where 1 is white
    "blur": (0.4, 0.6, 0.9, 1.3, 1.8),  # standard deviation in pixels, of images of 32
    "brightness": (0.1, 0.2, 0.3, 0.4, 0.5),  # what is added
    "contrast": (0.75, 0.5, 0.4, 0.3, 0.15),  # what is left of distances from the mean
    "rotation": (5.0, 10.0, 15.0, 22.0, 30.0),  # degrees, either way
}
NAMES = tuple(_PARAMETERS)
_STREAM = zlib.crc32(b"corruptions")  # apart from whoever draws by the same seed
_ROWS = 1024  # corrupted at a time, so that memory holds the images once


def noise(
    images: np.ndarray, strength: int, seed: int = 0, index: np.ndarray | None = None
) -> np.ndarray:
    """Adds Gaussian noise, drawn for each pixel and channel.

    Args:
        images: `[N, H, W, C]`, float in [0, 1].
        strength: 1 to 5.
        seed: 0 or more.
        index: The images' numbers, integers `[N]`; 0 to N-1 by default.

    Returns:
        Images of the same shape and type, in [0, 1].

    Raises:
        BadInput: The images or the strength are not as described.
    """
    _check(images, strength)
    drawn = np.stack([each.normal(size=images.shape[1:]) for each in _draws(images, seed, index)])
    return _finished(images + _PARAMETERS["noise"][strength - 1] * drawn, images)


def blur(
    images: np.ndarray, strength: int, seed: int = 0, index: np.ndarray | None = None
) -> np.ndarray:
    """Blurs by a Gaussian window; nothing is drawn. Otherwise as `noise`."""
    from scipy import ndimage

    _check(images, strength)
    sigma = _PARAMETERS["blur"][strength - 1] * math.sqrt(min(images.shape[1:3]) / 32)
    blurred = ndimage.gaussian_filter(images.astype("float32"), (0, sigma, sigma, 0))
    return _finished(blurred, images)


def brightness(
    images: np.ndarray, strength: int, seed: int = 0, index: np.ndarray | None = None
) -> np.ndarray:
    """Brightens all pixels by the same amount; nothing is drawn. Otherwise as `noise`."""
    _check(images, strength)
    return _recolored(color.brightened, images, _PARAMETERS["brightness"][strength - 1])


def contrast(
    images: np.ndarray, strength: int, seed: int = 0, index: np.ndarray | None = None
) -> np.ndarray:
    """Moves all pixels towards the image's mean; nothing is drawn. Otherwise as `noise`."""
    _check(images, strength)
    return _recolored(color.contrasted, images, _PARAMETERS["contrast"][strength - 1] - 1)


def rotation(
    images: np.ndarray, strength: int, seed: int = 0, index: np.ndarray | None = None
) -> np.ndarray:
    """Turns each image by the same angle, to the side that is drawn for it. Otherwise as `noise`.

    Bilinear; what comes in from outside is 0.
    """
    _check(images, strength)
    sides = np.array([each.choice((-1.0, 1.0)) for each in _draws(images, seed, index)])
    angles = np.radians(sides * _PARAMETERS["rotation"][strength - 1]).astype("float32")
    cos, sin = tf.cos(angles), tf.sin(angles)
    turn = transforms.about_centre(images.shape[1:3], cos, sin, -sin, cos)
    pixels = tf.constant(images, tf.float32)
    return _finished(resampling.resampled(pixels, turn, "zero", False, tf.float32), images)


def check_names(names: Sequence[str]) -> None:
    """Raises UnknownName if there is no such corruption."""
    for name in names:
        if name not in NAMES:
            raise UnknownName("corruption", name, NAMES)


def cases(
    model: Any, x: np.ndarray, classes: int, *, names: Sequence[str] = NAMES, seed: int = 0
) -> dict[tuple[str, int], Callable[[], np.ndarray]]:
    """What `stability` takes: a model's answers to images under each corruption and strength.

    Args:
        model: A Keras classifier.
        x: Images `[N, H, W, C]`, float in [0, 1].
        classes: K.
        names: Of corruptions.
        seed: Of all of them.

    Raises:
        UnknownName: There is no such corruption.
    """
    check_names(names)
    return {
        (name, strength): functools.partial(
            _answers, model, x, classes, globals()[name], strength, seed
        )
        for name in names
        for strength in STRENGTHS
    }


def _answers(
    model: Any, x: np.ndarray, classes: int, corrupt: Callable, strength: int, seed: int
) -> np.ndarray:
    parts = []
    for first in range(0, len(x), _ROWS):
        images = x[first : first + _ROWS]
        index = np.arange(first, first + len(images))
        parts.append(predict(model, corrupt(images, strength, seed, index), classes))
    return np.concatenate(parts)


def _check(images: np.ndarray, strength: int) -> None:
    if images.ndim != 4 or 0 in images.shape or images.dtype.kind != "f":
        raise BadInput(
            f"images are {images.dtype} of shape {images.shape}; expected floats [N, H, W, C], "
            "N at least 1"
        )
    if not (images.min() >= 0 and images.max() <= 1):
        raise BadInput(f"images hold {images.min()} to {images.max()}; expected 0 to 1")
    if strength not in STRENGTHS:
        raise BadInput(f"strength is {strength!r}; expected one of {STRENGTHS}")


def _draws(images: np.ndarray, seed: int, index: np.ndarray | None) -> list[np.random.Generator]:
    """A generator an image."""
    numbers = range(len(images)) if index is None else index
    return [np.random.default_rng([seed, int(number), _STREAM]) for number in numbers]


def _recolored(
    change: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], images: np.ndarray, amount: float
) -> np.ndarray:
    pixels = tf.constant(images, tf.float32)
    return _finished(change(pixels, tf.fill([len(images)], np.float32(amount))), images)


def _finished(pixels: Any, images: np.ndarray) -> np.ndarray:
    return np.clip(pixels, 0, 1).astype(images.dtype)
