"""Learning by comparison: two views of an image are to lie nearer than those of other images."""

from __future__ import annotations

from typing import Any

from tftrain.errors import BadInput
from tftrain.keras_api import keras


def contrastive(encoder: keras.Model, *, dimensions: int = 64, hidden: int = 128) -> keras.Model:
    """A model from two views of each image to a pair of projections.

    Compile it with `nt_xent()` and train it on a pipeline whose batches `two_views` augments. What
    was learned is in the encoder; the projection is of no further use (Chen et al., section 4.2).

    Args:
        encoder: From images `[B, H, W, C]` to anything.
        dimensions: Of the projection.
        hidden: Units of its hidden layer.

    Returns:
        An uncompiled model from a pair of batches of images to `[B, 2, dimensions]`. Under a
        strategy, made in its scope.

    Reference: Chen et al., *A Simple Framework for Contrastive Learning of Visual Representations*,
    2020.

    Example:
        >>> from tftrain import models
        >>> contrastive(models.cnn((8, 8, 1), filters=(4,)), dimensions=16).output_shape
        (None, 2, 16)
    """
    shape = encoder.input_shape[1:]
    first, second = keras.Input(shape, name="first"), keras.Input(shape, name="second")
    head = keras.Sequential(
        [
            keras.layers.Flatten(),
            keras.layers.Dense(hidden, activation="relu", name="projection_1"),
            keras.layers.Dense(dimensions, name="projection_2"),
            keras.layers.Reshape((1, dimensions)),
        ],
        name="projection",
    )
    pair = keras.layers.Concatenate(axis=1, name="pair")(
        [head(encoder(first)), head(encoder(second))]
    )
    return keras.Model((first, second), pair, name="contrastive")


def nt_xent(temperature: float = 0.5) -> keras.losses.Loss:
    """The normalized temperature-scaled cross-entropy of pairs.

    With z the projections scaled to length 1, the loss of a view i whose other view is j is

        -log(exp(z_i . z_j / t) / sum over k != i of exp(z_i . z_k / t))

    and that of an image the mean of its two views'. The negatives are the other images of the batch
    as a replica sees it: of a batch of B on R replicas, a view has 2 (B/R - 1) of them. With more
    replicas give a larger batch to keep that number.

    Args:
        temperature: t, more than 0.

    Returns:
        A loss of pairs `[B, 2, D]`; what it is given as labels plays no part.

    Raises:
        BadInput: The temperature is not positive.

    Reference: Chen et al., 2020, equation 1.

    Example:
        >>> pairs = keras.ops.convert_to_tensor([[[1.0, 0.0]] * 2, [[0.0, 1.0]] * 2])
        >>> round(float(nt_xent(1.0)(keras.ops.zeros(2), pairs)), 4)  # log(1 + 2 / e)
        0.5514
    """
    if not 0 < temperature < float("inf"):
        raise BadInput(f"temperature is {temperature}; expected a positive number")
    return _loss_class()(temperature)


def _loss_class() -> type[Any]:
    from tftrain.training.pretraining.pair_loss import NTXent  # imports Keras

    return NTXent
