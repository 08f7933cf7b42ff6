"""Mixup and CutMix: every example takes a part of another one, and of its label.

An example's partner is the one that stands s places after it in the batch, counted in a ring. s is
drawn once a batch, from 1 to B-1, from the seed and the sum of the examples' numbers: no example
is its own partner (but in a batch of one, which does not change), and each is the partner of one
other. How much is mixed is drawn for each example, from the seed and its number.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from tftrain.augment import randomness
from tftrain.augment.erasing import boxes, within
from tftrain.augment.images import checked, from_unit, numbers, to_unit
from tftrain.augment.labels import soft
from tftrain.augment.moves import Augmented
from tftrain.augment.programs import compiled
from tftrain.augment.settings import check
from tftrain.keras_api import tf

_QUANTILES = 4096


def mixup(
    images: Any,
    labels: Any,
    seed: Any,
    *,
    index: Any = None,
    classes: int | None = None,
    alpha: float = 0.2,
) -> Augmented:
    """Blends each example with its partner: a share of both the pixels and the labels.

    Args:
        images, seed, index: See `tftrain.augment`.
        labels: Integers `[B]` or probabilities `[B, K]`.
        classes: K; needed for integer labels.
        alpha: Shares are drawn from Beta(alpha, alpha); the larger, the more even. 0 mixes
            nothing.

    Returns:
        Images of the same shape and type, and labels float32 `[B, K]`.

    Reference: Zhang et al., *mixup: Beyond Empirical Risk Minimization*, ICLR 2018. There the
    share is drawn for each pair, as it is here.
    """
    check("mixup", alpha=alpha)
    images, labels = checked(images), soft(labels, classes)
    if alpha == 0:
        return images, labels
    index = numbers(index, images)
    draws = randomness.uniform(randomness.key(seed, "mixup"), index, 1)[:, 0]
    taken, partner = 1 - _beta(draws, alpha), _partners(seed, "mixup", index)
    return _blended(images, taken, partner), _blended(labels, taken, partner)


def cutmix(
    images: Any,
    labels: Any,
    seed: Any,
    *,
    index: Any = None,
    classes: int | None = None,
    alpha: float = 1.0,
) -> Augmented:
    """Puts a box of its partner into each image, and the box's share of the area into the label.

    Args:
        images, seed, index: See `tftrain.augment`.
        labels: Integers `[B]` or probabilities `[B, K]`.
        classes: K; needed for integer labels.
        alpha: Shares of the area are drawn from Beta(alpha, alpha), 1 being uniform; the box's
            centre lies anywhere, and what sticks out is cut off. 0 mixes nothing.

    Returns:
        Images of the same shape and type, and labels float32 `[B, K]`.

    Reference: Yun et al., *CutMix: Regularization Strategy to Train Strong Classifiers with
    Localizable Features*, ICCV 2019.
    """
    check("cutmix", alpha=alpha)
    images, labels = checked(images), soft(labels, classes)
    if alpha == 0:
        return images, labels
    index = numbers(index, images)
    height, width = images.shape[1:3]
    draws = randomness.uniform(randomness.key(seed, "cutmix"), index, 3)
    side = tf.sqrt(1 - _beta(draws[:, 2], alpha))
    box = boxes(draws, tf.floor(side * height), tf.floor(side * width), (height, width))
    left, top, right, bottom = box
    taken = (right - left) * (bottom - top) / (height * width)
    partner = _partners(seed, "cutmix", index)
    return _pasted(images, box, partner), _blended(labels, taken, partner)


@compiled
def _blended(values: tf.Tensor, taken: tf.Tensor, partner: tf.Tensor) -> tf.Tensor:
    own = to_unit(values)
    taken = tf.reshape(taken, [-1] + [1] * (values.shape.rank - 1))
    return from_unit(own + taken * (tf.gather(own, partner) - own), values.dtype)


@compiled
def _pasted(images: tf.Tensor, box: tuple[tf.Tensor, ...], partner: tf.Tensor) -> tf.Tensor:
    return tf.where(within(box, tuple(images.shape[1:3])), tf.gather(images, partner), images)


def _partners(seed: Any, name: str, index: tf.Tensor) -> tf.Tensor:
    count = tf.size(index)
    batch = tf.reduce_sum(index)[tf.newaxis]
    draw = randomness.uniform(randomness.key(seed, f"{name} partners"), batch, 1)[0, 0]
    step = 1 + tf.cast(draw * tf.cast(count - 1, tf.float32), tf.int32)
    return tf.math.floormod(tf.range(count) + step, tf.maximum(count, 1))


@functools.lru_cache(maxsize=32)
def _beta_quantiles(alpha: float) -> np.ndarray:
    from scipy.special import betaincinv

    return betaincinv(alpha, alpha, np.linspace(0, 1, _QUANTILES + 1)).astype(np.float32)


def _beta(draws: tf.Tensor, alpha: float) -> tf.Tensor:
    """Uniform draws `[B]` turned into draws of Beta(alpha, alpha).

    By a table of quantiles: the usual algorithms reject and draw again, which a counter that
    gives each example its own numbers cannot do.
    """
    table = tf.constant(_beta_quantiles(float(alpha)))
    place = draws * _QUANTILES
    cell = tf.cast(place, tf.int32)
    low, high = tf.gather(table, cell), tf.gather(table, cell + 1)
    return low + (place - tf.floor(place)) * (high - low)
