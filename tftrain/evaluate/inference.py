"""A model as a compiled function, and how long its answers take."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tftrain.evaluate.call_speed import CallSpeed, timed
from tftrain.keras_api import keras, tf
from tftrain.latency import Latency


@dataclasses.dataclass(frozen=True, kw_only=True)
class InferenceSpeed(CallSpeed):
    """How fast batches are answered, by the compiled function, from NumPy array to NumPy array.

    Attributes:
        predict_ms: Median of a call of `model.predict` on the same batch.
    """

    predict_ms: float


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
    return tuple(
        timed(
            InferenceSpeed,
            measured["compiled", batch],
            batch,
            utilization,
            predict_ms=measured["predict", batch].median,
        )
        for batch in batches
    )
