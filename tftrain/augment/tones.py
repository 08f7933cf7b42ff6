"""Changes of tone as in the Python Imaging Library: the pixel operations of RandAugment.

Each takes pixels float32 `[B, H, W, C]` in [0, 1] and gives the same shape; all are computed in
steps of 1/255 where the original works on bytes.
"""

from __future__ import annotations

from tftrain.augment.images import per_image
from tftrain.keras_api import tf


def solarized(pixels: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
    """Inverts what is at least as light as the image's threshold `[B]`."""
    return tf.where(pixels >= per_image(threshold), 1 - pixels, pixels)


def posterized(pixels: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Keeps the image's number of leading bits, float32 `[B]` of 0 to 8, of every byte."""
    step = per_image(2 ** (8 - bits))
    return tf.floor(tf.round(pixels * 255) / step) * step * (1 / 255)


def autocontrasted(pixels: tf.Tensor) -> tf.Tensor:
    """Stretches each channel of each image to [0, 1]; a channel of one value stays."""
    least = tf.reduce_min(pixels, axis=[1, 2], keepdims=True)
    width = tf.reduce_max(pixels, axis=[1, 2], keepdims=True) - least
    return tf.where(width > 0, tf.math.divide_no_nan(pixels - least, width), pixels)


def equalized(pixels: tf.Tensor) -> tf.Tensor:
    """Spreads each channel's histogram of 256 bins evenly; a channel of one value stays."""
    height, width, channels = pixels.shape[1:]
    level = tf.cast(tf.round(tf.clip_by_value(pixels, 0, 1) * 255), tf.int32)
    histograms = tf.shape(pixels)[0] * channels
    number = tf.reshape(tf.range(histograms), [-1, 1, 1, channels])
    place = number * 256 + level
    ones = tf.ones_like(place, tf.float32)
    counts = tf.math.unsorted_segment_sum(ones, place, histograms * 256)
    below = tf.cumsum(tf.reshape(counts, [-1, 256]), axis=1)
    first = tf.reduce_min(tf.where(below > 0, below, float(height * width)), axis=1, keepdims=True)
    rest = height * width - first
    mapped = tf.reshape(tf.math.divide_no_nan(below - first, rest), [-1])
    several = tf.reshape(rest > 0, [-1, 1, 1, channels])
    return tf.where(several, tf.gather(mapped, place), pixels)


def sharpened(pixels: tf.Tensor, change: tf.Tensor) -> tf.Tensor:
    """Pixels whose distances from a smoothed image are multiplied by 1 + change `[B]`.

    The smoothing is a 3x3 mean whose middle counts five times; edge pixels are their own
    neighbours.
    """
    height, width = pixels.shape[1:3]
    padded = tf.pad(pixels, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="SYMMETRIC")
    windows = [padded[:, y : y + height, x : x + width] for y in range(3) for x in range(3)]
    smooth = (tf.add_n(windows) + 4 * pixels) * (1 / 13)
    return pixels + per_image(change) * (pixels - smooth)
