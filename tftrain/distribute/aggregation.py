"""Whether an optimizer's gradient is that of the whole step when it is clipped."""

from __future__ import annotations

from typing import Any


def aggregates_gradients(strategy: Any) -> bool:
    """Whether gradients are summed over replicas before the optimizer clips and applies them.

    So it is with one replica, with several once Keras is repaired, and where each worker's
    gradient is a step of its own (parameter servers, local SGD). It is not on TPUs, nor with
    replicas of a strategy that was made past tftrain.

    Args:
        strategy: A `tf.distribute.Strategy`.
    """
    from tftrain.distribute import keras_bridge
    from tftrain.distribute.keras_bridge.replication import is_replicated

    if strategy.num_replicas_in_sync == 1:
        return True
    return is_replicated(strategy) and keras_bridge.is_installed()
