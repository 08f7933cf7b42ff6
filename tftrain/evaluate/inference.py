"""A model as a compiled function, and how long its answers take."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tftrain.keras_api import keras, tf
from tftrain.latency import Latency


@dataclasses.dataclass(frozen=True)
class InferenceSpeed:
    """How fast batches of one size are answered.

    Attributes:
        batch: Examples a call.
        median_ms: Of a call of the compiled function, from a NumPy array to a NumPy array.
        p95_ms: 95 of 100 calls take no longer.
        p99_ms: 99 of 100 take no longer; of fewer than 100, the slowest.
        examples_per_second: By the median.
        calls: How many were timed.
        predict_ms: Median of a call of `model.predict` on the same batch.
        utilization: Share of the machine's peak that the forward pass attains; None if its
            operations cannot be counted.
    """

    batch: int
    median_ms: float
    p95_ms: float
    p99_ms: float
    examples_per_second: float
    calls: int
    predict_ms: float
    utilization: float | None


def compiled(model: keras.Model) -> Callable[[Any], Any]:
    """The model's forward pass as one function, which returns when its answer has arrived.

    It is compiled by XLA where the model's `predict` is.
    """
    forward = tf.function(
        lambda inputs: model(inputs, training=False),
        autograph=False,
        jit_compile=bool(getattr(model, "jit_compile", False)) or None,
    )
    return lambda inputs: keras.tree.map_structure(lambda each: each.numpy(), forward(inputs))


def rows(x: Any, count: int) -> Any:
    """The first rows of a structure of arrays, from the beginning again if there are too few."""
    return keras.tree.map_structure(lambda each: np.asarray(each)[np.arange(count) % len(each)], x)


def programs(
    model: keras.Model, x: Any, batches: tuple[int, ...]
) -> dict[tuple[str, int], Callable[[], Any]]:
    """What is to be timed, by name and size of the batch: `compiled` and `predict`."""
    forward, found = compiled(model), {}
    for batch in batches:
        inputs = rows(x, batch)
        found["compiled", batch] = lambda inputs=inputs: forward(inputs)
        found["predict", batch] = lambda inputs=inputs, batch=batch: model.predict(
            inputs, batch_size=batch, verbose=0
        )
    return found


def speeds(
    measured: Mapping[tuple[str, int], Latency],
    batches: tuple[int, ...],
    utilization: Callable[[float], float | None],
) -> tuple[InferenceSpeed, ...]:
    """What was timed, a row a size of the batch."""
    found = []
    for batch in batches:
        taken = measured["compiled", batch]
        per_second = 1e3 * batch / taken.median
        found.append(
            InferenceSpeed(
                batch=batch,
                median_ms=taken.median,
                p95_ms=taken.p95,
                p99_ms=taken.p99,
                examples_per_second=per_second,
                calls=taken.calls,
                predict_ms=measured["predict", batch].median,
                utilization=utilization(per_second),
            )
        )
    return tuple(found)
