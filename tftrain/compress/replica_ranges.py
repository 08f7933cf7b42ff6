"""Ranges of activations that replicas have seen, made one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tftrain.keras_api import tf


def share_ranges(layers: Iterable[Any]) -> None:
    """Widens the ranges of each replica to those of all, under the strategy that is open.

    tfmot lets each replica keep the ranges of its own share of the batches: one replica's would
    decide, and two workers would convert different models.

    Args:
        layers: tfmot's quantizing wrappers and layers.
    """
    strategy = tf.distribute.get_strategy()
    if strategy.num_replicas_in_sync == 1:
        return
    found = [variable for layer in layers for variable in layer.weights]
    for end, reduced in (("_min", np.min), ("_max", np.max)):
        variables = [variable for variable in found if _is_range(variable, end)]
        for variable, value in zip(
            variables, reduced(_of_replicas(strategy, variables), axis=0), strict=True
        ):
            variable.assign(value)


def _of_replicas(strategy: Any, variables: list[Any]) -> np.ndarray:
    """Values of single numbers in each replica, `[replicas, variables]`."""

    @tf.function
    def gathered() -> Any:
        def in_replica() -> Any:
            values = tf.stack([tf.identity(variable) for variable in variables])
            return tf.distribute.get_replica_context().all_gather(values[None], axis=0)

        return strategy.run(in_replica)

    return strategy.experimental_local_results(gathered())[0].numpy()


def _is_range(variable: Any, end: str) -> bool:
    """Those of kernels are the same in each replica, as the kernels are."""
    name = variable.name.split(":")[0]
    return name.endswith(end) and variable.shape.rank == 0 and "kernel" not in name
