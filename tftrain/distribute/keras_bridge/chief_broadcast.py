"""Gives every worker what the chief has.

All workers must call these functions in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tftrain.distribute import worker_sums
from tftrain.keras_api import tf

_WORD = 8  # bytes


def integers(strategy: Any, values: Sequence[int], length: int) -> list[int]:
    """The chief's `length` integers, in every worker."""
    mine = np.zeros(length, np.int64)
    if strategy.extended.should_checkpoint:
        mine[:] = values
    return [int(value) for value in worker_sums.of_chief(strategy, [mine])[0]]


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
    return [value.numpy() for value in worker_sums.of_chief(strategy, mine)]


def payload(strategy: Any, data: bytes | None) -> bytes | None:
    """The chief's bytes, in every worker; None if the chief has none."""
    length = integers(strategy, [-1 if data is None else len(data)], length=1)[0]
    if length < 0:
        return None
    words = np.zeros(-(-length // _WORD), np.int64)
    if strategy.extended.should_checkpoint:
        words = np.frombuffer(data.ljust(words.nbytes, b"\0"), np.int64)
    return worker_sums.of_chief(strategy, [words])[0].numpy().tobytes()[:length]


def variables(strategy: Any, targets: Sequence[Any]) -> None:
    """Assigns the chief's values to the Keras variables of every worker."""
    values = [_own_value(variable._value, strategy) for variable in targets]
    shared = worker_sums.of_chief(strategy, [_summable(value) for value in values])
    for variable, value, total in zip(targets, values, shared, strict=True):
        variable.assign(tf.cast(total, value.dtype))


def _own_value(value: Any, strategy: Any) -> Any:
    """What this worker has restored, without asking the others.

    Of a sum over replicas the restored parts are equal, so this worker's first tells the whole.
    """
    if getattr(value, "aggregation", None) == tf.VariableAggregation.SUM:
        part = strategy.experimental_local_results(value)[0]
        return tf.convert_to_tensor(part) * strategy.num_replicas_in_sync
    return tf.convert_to_tensor(value)


def _summable(value: Any) -> Any:
    """Collectives sum floats and signed integers; seeds are unsigned and flags are bool."""
    if value.dtype.is_floating:
        return value
    return tf.cast(value, tf.int64)
