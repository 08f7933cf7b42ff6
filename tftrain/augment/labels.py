"""Labels as probabilities: made of class numbers, smoothed, or flipped at random."""

from __future__ import annotations

from typing import Any

from tftrain.augment import randomness
from tftrain.augment.images import numbers
from tftrain.augment.moves import Augmented
from tftrain.augment.settings import check
from tftrain.errors import BadInput
from tftrain.keras_api import tf


def soft(labels: Any, classes: int | None) -> tf.Tensor:
    """Labels as probabilities.

    Args:
        labels: Class numbers, integers `[B]`, or probabilities, float `[B, K]`.
        classes: Their number K; needed where labels are class numbers.

    Returns:
        float32 `[B, K]`. In a graph, where it cannot be reported, the row of a class number
        outside 0 to K-1 is NaN: the loss shows it at once.

    Raises:
        BadInput: Labels of another kind, `classes` missing or not that of the labels, or (outside
            of graphs) a class number out of range.
    """
    if labels is None:
        raise BadInput("labels are None; this augmentation changes labels too: pass them")
    labels = tf.convert_to_tensor(labels)
    rank, kind = labels.shape.rank, labels.dtype
    if rank == 2 and kind.is_floating:
        if classes not in (None, labels.shape[1]):
            raise BadInput(f"labels have shape {labels.shape}, but classes is {classes}")
        return tf.cast(labels, tf.float32)
    if rank != 1 or not kind.is_integer:
        raise BadInput(
            f"labels have type {kind.name} and shape {labels.shape}; expected class numbers "
            "(integers [B]) or probabilities (float [B, classes])"
        )
    if not isinstance(classes, int) or classes < 2:
        raise BadInput(
            f"labels are class numbers and classes is {classes}; expected how many classes there "
            "are, 2 or more, such as classes=10"
        )
    known = (labels >= 0) & (labels < tf.cast(classes, kind))
    if tf.executing_eagerly() and not bool(tf.reduce_all(known)):
        raise BadInput(
            f"labels run from {int(tf.reduce_min(labels))} to {int(tf.reduce_max(labels))}; "
            f"expected 0 to {classes - 1}: raise classes, or number the classes from 0"
        )
    return tf.where(known[:, tf.newaxis], tf.one_hot(labels, classes), float("nan"))


def smooth_labels(
    images: Any,
    labels: Any,
    seed: Any,
    *,
    index: Any = None,
    classes: int | None = None,
    amount: float = 0.1,
) -> Augmented:
    """Takes a share of each label and spreads it evenly over all classes.

    Args:
        images, seed, index: Not used; there, so that all augmentations are called alike.
        labels: Integers `[B]` or probabilities `[B, K]`.
        classes: K; needed for integer labels.
        amount: The share, in [0, 1].

    Returns:
        The images, and labels float32 `[B, K]`.

    Reference: Szegedy et al., *Rethinking the Inception Architecture for Computer Vision*, 2016.

    Example:
        >>> smooth_labels(None, [1], seed=0, classes=4, amount=0.5)[1].numpy().tolist()
        [[0.125, 0.625, 0.125, 0.125]]
    """
    check("smooth_labels", amount=amount)
    labels = soft(labels, classes)
    even = 1 / labels.shape[1]
    return images, labels + amount * (even - labels)


def flip_labels(
    images: Any,
    labels: Any,
    seed: Any,
    *,
    index: Any = None,
    classes: int | None = None,
    amount: float = 0.1,
) -> Augmented:
    """Gives a share of the examples the label of another class, each other class alike.

    Noise on purpose: to see how a model bears wrong labels, or as a regularizer.

    Args:
        images: Returned as they are.
        labels: Integers `[B]` or probabilities `[B, K]`, whose classes are then moved in a ring.
        seed, index: See `tftrain.augment`.
        classes: K; needed for integer labels.
        amount: Probability that a label is flipped, in [0, 1].

    Returns:
        The images, and labels float32 `[B, K]`.

    Reference: Xie et al., *DisturbLabel: Regularizing CNN on the Loss Layer*, 2016.
    """
    check("flip_labels", amount=amount)
    labels = soft(labels, classes)
    count = labels.shape[1]
    draws = randomness.uniform(randomness.key(seed, "flip_labels"), numbers(index, labels), 2)
    step = 1 + tf.cast(draws[:, 1] * (count - 1), tf.int32)
    step = tf.where(draws[:, 0] < amount, step, 0)[:, tf.newaxis]
    source = tf.math.floormod(tf.range(count) - step, count)
    return images, tf.gather(labels, source, batch_dims=1)
