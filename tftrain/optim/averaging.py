"""Averages of the weights along a training, and the statistics that belong to them.

The exponential average is Keras's own: `optim.optimizer(name, ema=0.999)`. Here is the plain one of
stochastic weight averaging, for which `callbacks.WeightAveraging` drives the training.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tftrain.errors import BadInput
from tftrain.keras_api import keras


class WeightMean:
    """The mean of the trainable weights at several moments, in float64.

    Args:
        count: How many moments it is the mean of already.
        means: The mean of these, an array a trainable variable.

    Reference: Izmailov et al., *Averaging Weights Leads to Wider Optima and Better
    Generalization*, 2018.
    """

    def __init__(self, count: int = 0, means: Iterable[np.ndarray] = ()) -> None:
        self.count = count
        self.means = list(means)

    def add(self, model: keras.Model) -> None:
        """Takes in the weights as they are."""
        weights = [np.asarray(v.numpy(), np.float64) for v in model.trainable_variables]
        means = self.means or [np.zeros_like(weight) for weight in weights]
        self.count += 1
        self.means = [
            mean + (weight - mean) / self.count for mean, weight in zip(means, weights, strict=True)
        ]

    def assign_to(self, model: keras.Model) -> None:
        """Gives the model the mean weights.

        Raises:
            BadInput: No weights were taken in.
        """
        if not self.count:
            raise BadInput("the mean of no weights: call add at least once")
        for variable, mean in zip(model.trainable_variables, self.means, strict=True):
            variable.assign(mean)


def has_batch_statistics(model: keras.Model) -> bool:
    """Whether the model normalizes by statistics it gathered while training."""
    return bool(_normalizations(model))


def update_batch_statistics(model: keras.Model, batches: Iterable[Any]) -> int:
    """Gathers the statistics of BatchNormalization anew, as the mean over batches.

    Weights that were put together were never trained as they are, so the moving statistics of the
    training do not fit them. The model runs in training mode: dropout is active, as it was.

    Args:
        model: Built; its moving means and variances are replaced.
        batches: Inputs `[B, ...]`, of the training data; equal B, or the mean is not exact.

    Returns:
        The number of batches; 0 if the model has no such layer.

    Raises:
        BadInput: There are no batches.
    """
    layers = _normalizations(model)
    if not layers:
        return 0
    momenta = [layer.momentum for layer in layers]
    sums, count = None, 0
    try:
        for layer in layers:
            layer.momentum = 0.0  # the moving statistics are then those of the batch
        for count, x in enumerate(batches, start=1):  # noqa: B007 - used after the loop
            model(x, training=True)
            found = [np.asarray(v.numpy(), np.float64) for v in _statistics(layers)]
            sums = found if sums is None else [a + b for a, b in zip(sums, found, strict=True)]
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
    if sums is None:
        raise BadInput("no batches to gather the statistics of BatchNormalization from")
    for variable, total in zip(_statistics(layers), sums, strict=True):
        variable.assign(total / count)
    return count


def _normalizations(model: keras.Model) -> list[Any]:
    kind = keras.layers.BatchNormalization
    return [layer for layer in model._flatten_layers() if isinstance(layer, kind)]


def _statistics(layers: list[Any]) -> list[Any]:
    return [v for layer in layers for v in (layer.moving_mean, layer.moving_variance)]
