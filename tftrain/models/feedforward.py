"""Feed-forward classifiers: a linear one and the multilayer perceptron."""

from __future__ import annotations

from collections.abc import Sequence

from tftrain.keras_api import keras


def linear(input_shape: Sequence[int], classes: int = 10) -> keras.Model:
    """Multinomial logistic regression: Flatten, then one softmax layer.

    Args:
        input_shape: Shape of one example, without the batch.
        classes: Number of classes.

    Returns:
        An uncompiled model from `[B, *input_shape]` to probabilities `[B, classes]`.

    Example:
        >>> linear((8, 8, 1)).count_params()
        650
    """
    return mlp(input_shape, hidden=(), classes=classes, dropout=0.0)


def mlp(
    input_shape: Sequence[int],
    hidden: Sequence[int] = (128,),
    classes: int = 10,
    dropout: float = 0.2,
) -> keras.Model:
    """Multilayer perceptron: Flatten, then Dense-ReLU-Dropout a hidden layer, then softmax.

    Args:
        input_shape: Shape of one example, without the batch.
        hidden: Units of each hidden layer.
        classes: Number of classes.
        dropout: Share of hidden units dropped while training, in [0, 1).

    Returns:
        An uncompiled model from `[B, *input_shape]` to probabilities `[B, classes]`.

    Example:
        >>> [layer.name for layer in mlp((28, 28), hidden=(128, 64), dropout=0).layers]
        ['flatten', 'hidden_1', 'hidden_2', 'probabilities']
    """
    layers = [keras.Input(tuple(input_shape)), keras.layers.Flatten(name="flatten")]
    for number, units in enumerate(hidden, start=1):
        layers.append(keras.layers.Dense(units, activation="relu", name=f"hidden_{number}"))
        if dropout:
            layers.append(keras.layers.Dropout(dropout, name=f"dropout_{number}"))
    layers.append(keras.layers.Dense(classes, activation="softmax", name="probabilities"))
    return keras.Sequential(layers)
