"""Gives every worker what the chief has, by sums to which the others add zeros.

All workers must call these functions in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tftrain.keras_api import tf


def integers(strategy: Any, values: Sequence[int], length: int) -> list[int]:
    """The chief's `length` integers, in every worker."""
    mine = np.zeros(length, np.int64)
    if strategy.extended.should_checkpoint:
        mine[:] = values
    return [int(value) for value in _sum(strategy, tf.constant(mine)).numpy()]


def arrays(
    strategy: Any, values: Sequence[np.ndarray] | None, shapes: Sequence[tuple[int, ...]]
) -> list[np.ndarray]:
    """The chief's float arrays, in every worker.

    Args:
        strategy: The multi-worker strategy.
        values: The arrays; only the chief's are looked at.
        shapes: Their shapes, known to all.
    """
    mine = [np.zeros(shape, np.float32) for shape in shapes]
    if strategy.extended.should_checkpoint:
        mine = [np.asarray(value, np.float32) for value in values or mine]
    return [_sum(strategy, tf.constant(value)).numpy() for value in mine]


def variables(strategy: Any, targets: Sequence[Any]) -> None:
    """Assigns the chief's values to the Keras variables of every worker."""
    for variable in targets:
        value = tf.convert_to_tensor(variable._value)
        wide = _summable(value)
        mine = wide if strategy.extended.should_checkpoint else tf.zeros_like(wide)
        variable.assign(tf.cast(_sum(strategy, mine), value.dtype))


def _summable(value: Any) -> Any:
    """Collectives sum floats and signed integers; seeds are unsigned and flags are bool."""
    if value.dtype.is_floating:
        return value
    return tf.cast(value, tf.int64)


def _sum(strategy: Any, value: Any) -> Any:
    return strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)
