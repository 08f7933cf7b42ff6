"""Pictures in files, decoded in the graph."""

from __future__ import annotations

import numpy as np

from tftrain.keras_api import tf

INPUT = "image_bytes"
_CHANNELS = 3  # every format can be decoded to three, some to nothing else
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def decoded(contents: tf.Tensor, raw: tf.TensorSpec) -> tf.Tensor:
    """Decodes PNG, JPEG, BMP and GIF files (of a GIF, the first picture).

    Args:
        contents: The files' bytes `[B]`.
        raw: What the pictures become: `[B, H, W, 1 or 3]`; integers stay 0 to 255, floats are
            0 to 1, as `tf.image.convert_image_dtype` has it.
    """

    def one(content: tf.Tensor) -> tf.Tensor:
        image = tf.io.decode_image(content, channels=_CHANNELS, expand_animations=False)
        image = tf.cast(tf.ensure_shape(image, (None, None, _CHANNELS)), tf.float32)
        if raw.shape[-1] == 1:
            image = tf.tensordot(image, tf.constant(_LUMA), 1)[..., tf.newaxis]
        image = tf.image.resize(image, raw.shape[1:3], antialias=True)
        return tf.ensure_shape(image, raw.shape[1:])

    images = tf.map_fn(one, contents, fn_output_signature=tf.float32)
    if raw.dtype.is_floating:
        return tf.cast(images / 255.0, raw.dtype)
    return tf.cast(tf.clip_by_value(tf.round(images), 0.0, 255.0), raw.dtype)


def encoded(images: np.ndarray) -> np.ndarray:
    """The same pictures as PNG files, without loss, and without a graph.

    Args:
        images: `[B, H, W, 1 or 3]`, uint8.
    """
    files = [tf.io.encode_png(image).numpy() for image in images]
    return np.array(files, dtype=object)


def pixels(raw: np.ndarray) -> np.ndarray:
    """Pictures that become these raw inputs, as nearly as 8 bits can; out of range is cut off."""
    if raw.dtype.kind in "iu":
        return raw.clip(0, 255).astype(np.uint8)
    return np.round(raw.astype(np.float32).clip(0, 1) * 255).astype(np.uint8)


def from_pixels(images: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """What `decoded` has to give for them."""
    if dtype.kind in "iu":
        return images.astype(dtype)
    return (images.astype(np.float32) / np.float32(255)).astype(dtype)
