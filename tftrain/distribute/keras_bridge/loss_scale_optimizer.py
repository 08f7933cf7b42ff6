"""Decides for all replicas alike whether a float16 step is finite.

Symptom: under mixed_float16 one replica with an infinite gradient skips the step that others
take, so that weights part or workers wait for each other (read in the source, not reproduced).
Cause: `LossScaleOptimizer` tests each replica's own gradient, believing it already summed.
Upstream: no report known to us. Versions: seen in Keras 3.12.4 and 3.15.1.
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
        inner = self.inner_optimizer
        variables = trainable_variables
        if variables is None:
            variables = inner._trainable_variables
        grads = sum_gradients(inner, grads, variables, scale=self.dynamic_scale)
        with gradients_summed(inner):
            single(self, grads, trainable_variables)

    optimizer._tf_apply = _tf_apply
