"""Keeps the moving statistics of BatchNormalization equal on all replicas.

Symptom: with BatchNormalization that is not synchronized every replica has moving statistics of
its own: workers hold, evaluate and save different models.
Cause: Keras 3 creates these variables without an aggregation (tf_keras averaged them).
Upstream: no report known to us. Versions: seen in Keras 3.12.4 and 3.15.1.

Moving averages are linear, so their mean over replicas, weighted by rows, is the moving average
of the means. It is taken together with the logs, at the end of an execution.
"""

from __future__ import annotations

from typing import Any

from tftrain.distribute.keras_bridge.replication import sum_over_replicas
from tftrain.distribute.keras_bridge.row_share import RowShare
from tftrain.keras_api import keras

_NAMES = ("moving_mean", "moving_variance", "moving_stddev", "renorm_mean", "renorm_stddev")


def average_over_replicas(model: Any, share: RowShare) -> None:
    """Averages what replicas updated on their own; call it in a replica, after a step."""
    variables = local_statistics(model)
    if not variables:
        return
    means = sum_over_replicas([share.weigh(variable.value + 0) for variable in variables])
    for variable, mean in zip(variables, means, strict=True):
        variable.assign(mean)


def local_statistics(model: Any) -> list[Any]:
    """The variables of BatchNormalization layers that a training step updates per replica."""
    return [
        getattr(layer, name)
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
        if layer.trainable and not layer.synchronized
        for name in _NAMES
        if getattr(layer, name, None) is not None
    ]
