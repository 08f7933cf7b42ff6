"""Convolutional classifier for small images."""

from __future__ import annotations

from collections.abc import Sequence

from tftrain.keras_api import keras


def cnn(
    input_shape: Sequence[int],
    filters: Sequence[int] = (32, 64),
    dense: int = 128,
    classes: int = 10,
    dropout: float = 0.3,
) -> keras.Model:
    """Blocks of 3x3 convolution and 2x2 max-pooling, then a dense layer and softmax.

    Args:
        input_shape: `(H, W, C)`, or `(H, W)` for one channel; each side at least
            `2 ** len(filters)`.
        filters: Output channels of each block.
        dense: Units of the dense layer.
        classes: Number of classes.
        dropout: Share of the dense layer's inputs dropped while training, in [0, 1).

    Returns:
        An uncompiled model from `[B, *input_shape]` to probabilities `[B, classes]`.

    Example:
        >>> cnn((28, 28, 1)).output_shape
        (None, 10)
    """
    shape = tuple(input_shape)
    layers = [keras.Input(shape)]
    if len(shape) == 2:
        layers.append(keras.layers.Reshape((*shape, 1), name="one_channel"))
    for number, channels in enumerate(filters, start=1):
        layers += [
            keras.layers.Conv2D(
                channels, 3, padding="same", activation="relu", name=f"convolution_{number}"
            ),
            keras.layers.MaxPooling2D(name=f"pool_{number}"),
        ]
    layers += [keras.layers.Flatten(name="flatten")]
    if dropout:
        layers.append(keras.layers.Dropout(dropout, name="dropout"))
    layers += [
        keras.layers.Dense(dense, activation="relu", name="dense"),
        keras.layers.Dense(classes, activation="softmax", name="probabilities"),
    ]
    return keras.Sequential(layers)
