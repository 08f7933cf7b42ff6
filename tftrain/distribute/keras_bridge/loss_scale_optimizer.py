"""Decides for all replicas alike whether a float16 step is finite.

Symptom: under mixed_float16 one replica with an infinite gradient skips the step that others
take: with several workers training hangs or their weights part.
Cause: `LossScaleOptimizer` tests each replica's own gradient, believing it already summed.
Upstream: keras#20582 (same cause). Versions: Keras 3.0 up to 3.15.
"""

from __future__ import annotations

from typing import Any

from tftrain.distribute.keras_bridge.gradient_aggregation import gradients_summed, sum_gradients
from tftrain.distribute.keras_bridge.replication import replica_context
from tftrain.keras_api import keras


def install() -> None:
    """Sums gradients over replicas before `LossScaleOptimizer` looks at them."""
    optimizer = keras.optimizers.LossScaleOptimizer
    single = optimizer._tf_apply

    def _tf_apply(self: Any, grads: Any, trainable_variables: Any = None) -> None:
        if replica_context() is None:
            single(self, grads, trainable_variables)
            return
        grads = sum_gradients(self.inner_optimizer, grads)
        with gradients_summed(self.inner_optimizer):
            single(self, grads, trainable_variables)

    optimizer._tf_apply = _tf_apply
