"""RandAugment: a few operations at random, all of one strength."""

from __future__ import annotations

import math
from typing import Any

from tftrain.augment import randomness, tones
from tftrain.augment.color import contrasted, saturated
from tftrain.augment.images import checked, from_unit, numbers, per_image, to_unit
from tftrain.augment.moves import Augmented
from tftrain.augment.programs import compiled
from tftrain.augment.resampling import check_border, resampled
from tftrain.augment.settings import check
from tftrain.augment.transforms import Transform, about_centre, shifts
from tftrain.keras_api import tf

OPERATIONS = (
    "identity", "autocontrast", "equalize", "rotate", "solarize", "color", "posterize",
    "contrast", "brightness", "sharpness", "shear_x", "shear_y", "translate_x", "translate_y",
)  # fmt: skip


def rand_augment(
    images: Any,
    labels: Any,
    seed: Any,
    *,
    index: Any = None,
    magnitude: float = 9.0,
    layers: int = 2,
    border: str = "zero",
) -> Augmented:
    """Applies to each image operations drawn from the paper's fourteen, one after another.

    At magnitude 10 they turn by 30 degrees, shear by 0.3, shift by 0.3 of the side, change
    brightness, contrast, colour and sharpness by a factor of 0.1 or 1.9, keep 4 bits when
    posterizing and invert everything when solarizing; at less, in proportion. Both directions are
    equally likely. Equalize and autocontrast have no strength.

    Every operation is computed for every image and the drawn one is kept, which is what lets a
    batch be worked on as a whole: of all augmentations this one costs most.

    Args:
        images, labels, seed, index: See `tftrain.augment`; C is 1 or 3 (red, green, blue).
        magnitude: Strength of all operations, in [0, 10].
        layers: Operations an image, 0 or more; 0 changes nothing.
        border: What is read outside the image: `zero`, `edge` or `reflect`.

    Reference: Cubuk et al., *RandAugment: Practical Automated Data Augmentation with a Reduced
    Search Space*, NeurIPS 2020.
    """
    check("rand_augment", magnitude=magnitude, layers=layers)
    check_border(border)
    images = checked(images)
    if layers == 0:
        return images, labels
    draws = randomness.uniform(
        randomness.key(seed, "rand_augment"), numbers(index, images), 2 * layers
    )
    pixels, size = to_unit(images), tuple(images.shape[1:3])
    for layer in range(layers):
        operation = tf.cast(draws[:, 2 * layer] * len(OPERATIONS), tf.int32)
        strength = tf.where(draws[:, 2 * layer + 1] < 0.5, -1.0, 1.0) * (magnitude / 10)
        pixels = resampled(pixels, _transform(operation, strength, size), border, False, tf.float32)
        pixels = _toned(pixels, operation, strength)
        pixels = _sharpened(pixels, _where(operation, "sharpness", strength * 0.9))
    return from_unit(pixels, images.dtype), labels


def _where(operation: tf.Tensor, name: str, value: tf.Tensor, otherwise: float = 0.0) -> tf.Tensor:
    return tf.where(operation == OPERATIONS.index(name), value, otherwise)


def _transform(operation: tf.Tensor, strength: tf.Tensor, size: tuple[int, int]) -> Transform:
    angle = _where(operation, "rotate", strength * math.radians(30))
    shear_x = _where(operation, "shear_x", strength * 0.3)
    shear_y = _where(operation, "shear_y", strength * 0.3)
    cos, sin = tf.cos(angle), tf.sin(angle)
    linear = about_centre(size, cos, sin + shear_x, shear_y - sin, cos)
    shift = shifts(
        _where(operation, "translate_x", strength * (0.3 * size[1])),
        _where(operation, "translate_y", strength * (0.3 * size[0])),
    )
    return linear.then(shift)


@compiled
def _toned(pixels: tf.Tensor, operation: tf.Tensor, strength: tf.Tensor) -> tf.Tensor:
    def chosen(name: str, changed: tf.Tensor) -> tf.Tensor:
        return tf.where(per_image(operation == OPERATIONS.index(name)), changed, pixels)

    amount = tf.abs(strength)
    pixels = chosen("autocontrast", tones.autocontrasted(pixels))
    pixels = chosen("equalize", tones.equalized(pixels))
    pixels = chosen("posterize", tones.posterized(pixels, tf.round(8 - 4 * amount)))
    pixels = tones.solarized(pixels, _where(operation, "solarize", 1 - amount, otherwise=2.0))
    pixels += per_image(_where(operation, "brightness", strength * 0.9)) * pixels
    pixels = contrasted(pixels, _where(operation, "contrast", strength * 0.9))
    pixels = saturated(pixels, _where(operation, "color", strength * 0.9))
    return tf.clip_by_value(pixels, 0, 1)


@compiled
def _sharpened(pixels: tf.Tensor, change: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(tones.sharpened(pixels, change), 0, 1)
