"""Learning by repair: part of an image is taken away, and a model puts it back."""

from __future__ import annotations

import math
from typing import Any

from tftrain.errors import BadInput
from tftrain.keras_api import keras


def masked_autoencoder(
    encoder: keras.Model,
    *,
    share: float = 0.5,
    patch: int = 4,
    noise: float = 0.0,
    hidden: int = 256,
) -> keras.Model:
    """A model that draws whole images from damaged ones.

    In training, patches are blanked and noise is added; the encoder sees what is left, and a small
    decoder, of no further use, draws the image. Train it with the images as their own targets:
    `model.compile("adam", "mse"); fit(model, x, x)`. What was learned is in the encoder: give the
    model as `weights_from` to `finetune`.

    Args:
        encoder: From images `[B, H, W, C]` in [0, 1] to anything.
        share: Of the patches, how many are blanked, in [0, 1).
        patch: Side of a patch, in pixels; H and W are multiples of it.
        noise: Standard deviation of what is added to pixels; 0 for none.
        hidden: Units of the decoder's layer.

    Returns:
        An uncompiled model from images to images. Under a strategy, made in its scope.

    Raises:
        BadInput: A setting is out of range.

    References:
        Vincent et al., *Extracting and Composing Robust Features with Denoising Autoencoders*,
        2008; He et al., *Masked Autoencoders Are Scalable Vision Learners*, 2021. Unlike the
        latter, the encoder is any network, and sees blanks rather than fewer patches; the loss is
        of all pixels.

    Example:
        >>> from tftrain import models
        >>> encoder = models.cnn((8, 8, 1), filters=(4,))
        >>> masked_autoencoder(encoder, patch=2).output_shape
        (None, 8, 8, 1)
    """
    shape = encoder.input_shape[1:]
    _check(shape, share, patch, noise)
    images = keras.Input(shape, name="images")
    seen = mask_patches(share, patch, name="mask")(images)
    if noise:
        seen = keras.layers.GaussianNoise(noise, name="noise")(seen)
    code = keras.layers.Flatten(name="code")(encoder(seen))
    drawn = keras.layers.Dense(hidden, activation="relu", name="decoder")(code)
    drawn = keras.layers.Dense(math.prod(shape), activation="sigmoid", name="pixels")(drawn)
    drawn = keras.layers.Reshape(shape, name="drawn")(drawn)
    return keras.Model(images, drawn, name="masked_autoencoder")


def _check(shape: tuple[Any, ...], share: float, patch: int, noise: float) -> None:
    if len(shape) != 3 or None in shape:
        raise BadInput(f"the encoder takes {shape}; expected images [H, W, C] of known size")
    if not 0 <= share < 1:
        raise BadInput(f"share is {share}; expected at least 0 and less than 1")
    if patch < 1 or shape[0] % patch or shape[1] % patch:
        raise BadInput(f"patch is {patch}; expected a side that divides {shape[0]} and {shape[1]}")
    if not 0 <= noise < float("inf"):
        raise BadInput(f"noise is {noise}; expected 0 or a positive number")
    if not share and not noise:
        raise BadInput("share and noise are both 0: nothing is to be repaired; raise one of them")


def mask_patches(share: float, patch: int, name: str = "mask") -> keras.layers.Layer:
    """A layer that blanks patches while training, other ones of each image, and else does nothing.

    It is a dropout of squares whose remaining pixels are left as bright as they are.

    Args:
        share: Of the patches; each one by itself, so that their number varies.
        patch: Side in pixels; divides the height and width of the images.
        name: Of the layer.
    """
    return _layer_class()(share, patch, name=name)


def _layer_class() -> type[keras.layers.Layer]:
    from tftrain.training.pretraining.mask_layer import MaskPatches  # imports Keras

    return MaskPatches
