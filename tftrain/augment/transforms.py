"""Affine maps from the pixels of the result to the pixels they are read from, one an image."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tftrain.keras_api import tf


class Transform(NamedTuple):
    """x' = xx x + xy y + x0, y' = yx x + yy y + y0, in pixels; each field float32 `[B]`.

    Six plain tensors and not 3x3 matrices: a matrix product may round whole numbers (TF32), and
    whole-pixel moves must stay exact.
    """

    xx: tf.Tensor
    xy: tf.Tensor
    x0: tf.Tensor
    yx: tf.Tensor
    yy: tf.Tensor
    y0: tf.Tensor

    def then(self, later: Transform) -> Transform:
        """The map of both moves, this one done first: the result is read through `later`."""
        return Transform(
            self.xx * later.xx + self.xy * later.yx,
            self.xx * later.xy + self.xy * later.yy,
            self.xx * later.x0 + self.xy * later.y0 + self.x0,
            self.yx * later.xx + self.yy * later.yx,
            self.yx * later.xy + self.yy * later.yy,
            self.yx * later.x0 + self.yy * later.y0 + self.y0,
        )

    def sources(self, height: int, width: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Where every pixel of the result is read: two tensors float32 `[B, H, W]`, x and y."""
        xs = tf.range(width, dtype=tf.float32)[tf.newaxis, tf.newaxis, :]
        ys = tf.range(height, dtype=tf.float32)[tf.newaxis, :, tf.newaxis]
        xx, xy, x0, yx, yy, y0 = (field[:, tf.newaxis, tf.newaxis] for field in self)
        return xx * xs + xy * ys + x0, yx * xs + yy * ys + y0


def flips(draws: tf.Tensor, size: tuple[int, int], horizontal: bool, vertical: bool) -> Transform:
    """Mirrors each axis asked for where its draw is below one half; draws `[B, 2]`."""
    height, width = size
    across = tf.cast((draws[:, 0] < 0.5) & horizontal, tf.float32)
    down = tf.cast((draws[:, 1] < 0.5) & vertical, tf.float32)
    none = tf.zeros_like(across)
    return Transform(
        1 - 2 * across, none, across * (width - 1), none, 1 - 2 * down, down * (height - 1)
    )


def shifts(x: tf.Tensor, y: tf.Tensor) -> Transform:
    """Reads x pixels to the right and y pixels below; each `[B]`."""
    one, none = tf.ones_like(x), tf.zeros_like(x)
    return Transform(one, none, x, none, one, y)


def about_centre(
    size: tuple[int, int], xx: tf.Tensor, xy: tf.Tensor, yx: tf.Tensor, yy: tf.Tensor
) -> Transform:
    """The linear map with these elements, each `[B]`, that leaves the image's centre in place."""
    cx, cy = np.float32((size[1] - 1) / 2), np.float32((size[0] - 1) / 2)
    return Transform(xx, xy, cx - (xx * cx + xy * cy), yx, yy, cy - (yx * cx + yy * cy))
