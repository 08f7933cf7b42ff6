"""Recurrent classifier: an image is read as a sequence of its rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tftrain.keras_api import keras


def rnn(
    input_shape: Sequence[int], units: int = 128, classes: int = 10, dropout: float = 0.2
) -> keras.Model:
    """One LSTM over the rows, its last state through dropout to softmax.

    Args:
        input_shape: `(T, ...)`: T steps; what follows is flattened to the features of a step.
        units: Size of the LSTM's state.
        classes: Number of classes.
        dropout: Share of the last state dropped while training, in [0, 1).

    Returns:
        An uncompiled model from `[B, *input_shape]` to probabilities `[B, classes]`.

    Reference: Hochreiter and Schmidhuber, *Long Short-Term Memory*, 1997.

    Example:
        >>> rnn((28, 28, 1)).layers[0].output.shape
        (None, 28, 28)
    """
    steps, features = input_shape[0], math.prod(input_shape[1:])
    layers = [
        keras.Input(tuple(input_shape)),
        keras.layers.Reshape((steps, features), name="rows"),
        keras.layers.LSTM(units, name="lstm"),
    ]
    if dropout:
        layers.append(keras.layers.Dropout(dropout, name="dropout"))
    layers.append(keras.layers.Dense(classes, activation="softmax", name="probabilities"))
    return keras.Sequential(layers)
