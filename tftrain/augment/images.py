"""Image batches as augmentations take them: what is accepted, and how values are scaled."""

from __future__ import annotations

from typing import Any

from tftrain.errors import BadInput
from tftrain.keras_api import tf

DTYPES = ("uint8", "float16", "bfloat16", "float32")


def checked(images: Any) -> tf.Tensor:
    """The images as a tensor, once they are what augmentations take.

    Args:
        images: `[B, H, W, C]`, uint8 or float in [0, 1]; B may be unknown, H, W and C not.

    Raises:
        BadInput: Another rank, an unknown height, width or channel count, or another type.
    """
    images = tf.convert_to_tensor(images)
    if images.shape.rank != 4:
        raise BadInput(f"images have shape {images.shape}; expected [B, H, W, C]: a whole batch")
    if None in images.shape[1:] or 0 in images.shape[1:]:
        raise BadInput(
            f"images have shape {images.shape}; expected a known height, width and number of "
            "channels: resize, or call `ensure_shape`, before augmenting"
        )
    if images.dtype.name not in DTYPES:
        raise BadInput(
            f"images have type {images.dtype.name}; expected one of {', '.join(DTYPES)}: cast them"
        )
    return images


def numbers(index: Any, images: tf.Tensor) -> tf.Tensor:
    """The examples' numbers, int64 `[B]`: those given, or 0 to B-1.

    Raises:
        BadInput: `index` is not of integers, or not of shape [B].
    """
    if index is None:
        return tf.range(tf.shape(images, tf.int64)[0])
    index = tf.convert_to_tensor(index)
    if not index.dtype.is_integer or not index.shape.is_compatible_with(images.shape[:1]):
        raise BadInput(
            f"index has type {index.dtype.name} and shape {index.shape}; expected one integer an "
            f"image, of shape {images.shape[:1]}"
        )
    return tf.cast(index, tf.int64)


def to_unit(images: tf.Tensor) -> tf.Tensor:
    """Images as float32; uint8 is scaled from 0..255 to [0, 1]."""
    if images.dtype == tf.uint8:
        return tf.cast(images, tf.float32) * (1 / 255)
    return tf.cast(images, tf.float32)


def from_unit(pixels: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """The inverse of `to_unit`; uint8 is rounded and saturated."""
    if dtype == tf.uint8:
        return tf.cast(tf.round(tf.clip_by_value(pixels * 255, 0, 255)), tf.uint8)
    return tf.cast(pixels, dtype)


def per_image(values: tf.Tensor) -> tf.Tensor:
    """`[B]` as `[B, 1, 1, 1]`, to broadcast over an image's pixels."""
    return values[:, tf.newaxis, tf.newaxis, tf.newaxis]
