"""What models without labels are trained on: images alone, and two views of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tftrain import augment, data
from tftrain.augment import randomness

_SECOND = -1  # a repetition that no composition has


def unlabelled(images: np.ndarray) -> data.Examples:
    """Images `[N, H, W, C]` as examples; their labels are all 0 and say nothing."""
    return data.Examples(images, np.zeros(len(images), np.int64))


def two_views(augmentation: str | augment.Composition) -> Callable[..., tuple[Any, Any]]:
    """What makes a pipeline give two views of each image: `data.pipeline(..., augment=this)`.

    Args:
        augmentation: What a view is made by, as `augment.by_name` reads it, or a composition; it
            must leave labels alone.

    Returns:
        A function of a batch, as augmentations are, that gives a pair of batches in place of one.

    Example:
        >>> images = unlabelled(np.random.default_rng(0).random((4, 8, 8, 1), "float32"))
        >>> batches = data.pipeline(images, batch_size=4, augment=two_views("affine,crop:1"))
        >>> (first, second), _ = next(iter(batches))
        >>> first.shape == second.shape and bool(np.any(first != second))
        True
    """
    if isinstance(augmentation, str):
        augmentation = augment.by_name(augmentation)

    def views(images: Any, labels: Any, seed: Any, index: Any = None) -> tuple[Any, Any]:
        seeds = (seed, randomness.another(seed, _SECOND))
        pair = tuple(augmentation(images, None, each, index)[0] for each in seeds)
        return pair, labels

    return views
