"""Augmentations: pure functions of a batch, its labels and a seed, alone or composed.

Every function is called as `f(images, labels, seed, *, index=None, **settings)` and gives
`(images, labels)`. What happens to an example depends on the seed and on its number, `index`, not
on the batch it is in (but for mixup and cutmix, whose partner is another example of the batch).

Args:
    images: `[B, H, W, C]`, uint8, or float in [0, 1]; H, W and C are known. They come out in the
        same shape and type.
    labels: Anything; returned as they are, but by functions whose docstrings say otherwise.
    seed: Integers of shape [] or [2], such as [seed, step] in a pipeline that counts its batches.
    index: The examples' numbers, integers `[B]`; 0 to B-1 by default.
    **settings: Each function's own.

Raises:
    BadInput: An argument is not as described.
    UnknownName: There is no such border.

Example:
    >>> import numpy as np
    >>> from tftrain import augment
    >>> images = np.zeros((4, 8, 8, 3), np.uint8)
    >>> labels = np.array([0, 1, 2, 1])
    >>> rotated, same = augment.rotate(images, labels, seed=1, degrees=30)
    >>> several = augment.compose(("flip", "crop:2", "cutmix"), classes=3)
    >>> mixed, soft = several(images, labels, seed=[1, 0])
    >>> soft.shape
    TensorShape([4, 3])
"""

from tftrain.augment.color import brightness, contrast, hue, saturation
from tftrain.augment.composition import Composition, by_name, check_names, compose
from tftrain.augment.erasing import cutout
from tftrain.augment.geometry import affine, crop, flip, rotate, translate
from tftrain.augment.labels import flip_labels, smooth_labels
from tftrain.augment.mixing import cutmix, mixup
from tftrain.augment.policies import rand_augment
from tftrain.augment.steps import names
from tftrain.augment.warping import elastic

__all__ = [
    "Composition",
    "affine",
    "brightness",
    "by_name",
    "check_names",
    "compose",
    "contrast",
    "crop",
    "cutmix",
    "cutout",
    "elastic",
    "flip",
    "flip_labels",
    "hue",
    "mixup",
    "names",
    "rand_augment",
    "rotate",
    "saturation",
    "smooth_labels",
    "translate",
]
