"""Dropout of a micro-batch drops what dropout of the whole batch drops in its rows.

Symptom: a step taken in micro-batches draws a seed for each, and so trains otherwise with dropout
than the same step taken at once.
Cause: Keras's dropout draws as many random numbers as its input has entries, beginning anew with
each call.
Upstream: by design. Versions: keras 3.12 to 3.15.

TensorFlow's random numbers come from a counter (Philox), so those that the batch's rows from any
row on would get can be drawn alone: the counter is set to the row's first entry.

Reference: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tftrain.distribute.keras_bridge.wrapping import wrap
from tftrain.keras_api import tf

_PHILOX = 1
_active = threading.local()


class _Rows(NamedTuple):
    """Which micro-batch is computed, its first row, and the seeds of the step by generator."""

    micro_batch: int
    begin: Any
    seeds: dict[Any, Any]
    graph: Any
    drawn: dict[int, int]


def install() -> None:
    """Wraps the TensorFlow backend's dropout; outside of micro-batches nothing changes."""
    from keras.src.backend.tensorflow import random

    wrap(random, "dropout", _dropout)


@contextlib.contextmanager
def micro_batch_rows(micro_batch: int, begin: Any, seeds: dict[Any, Any]) -> Iterator[None]:
    """Within the block layers are given the rows of a micro-batch.

    Args:
        micro_batch: Which; layers are first given those of micro-batch 0.
        begin: Its first row in the batch.
        seeds: Of one step, empty at first.
    """
    _active.rows = _Rows(micro_batch, begin, seeds, tf.compat.v1.get_default_graph(), {})
    try:
        yield
    finally:
        _active.rows = None


def _dropout(
    original: Callable[..., Any],
    inputs: Any,
    rate: float,
    noise_shape: Any = None,
    seed: Any = None,
) -> Any:
    rows = getattr(_active, "rows", None)
    if rows is None or rate in (0, 1) or not hasattr(seed, "state"):
        return original(inputs, rate, noise_shape, seed)
    if tf.compat.v1.get_default_graph() is not rows.graph:  # within a loop's body
        return original(inputs, rate, noise_shape, seed)
    from keras.src.backend.tensorflow import random

    noise_shape = random._get_concrete_noise_shape(inputs, noise_shape)
    shape = tf.shape(inputs) if noise_shape is None else tf.convert_to_tensor(noise_shape)
    scale = tf.constant(1 / (1 - rate), inputs.dtype)
    kept = _uniform(shape, inputs, _seed(rows, seed), rows.begin) >= tf.constant(rate, inputs.dtype)
    dropped = tf.where(kept, inputs * scale, tf.zeros([], inputs.dtype))
    dropped.set_shape(inputs.shape)
    return dropped


def _seed(rows: _Rows, generator: Any) -> Any:
    """The seed of this call of a generator, drawn for the first micro-batch."""
    from keras.src.backend.tensorflow import random

    call = rows.drawn.get(id(generator), 0)
    rows.drawn[id(generator)] = call + 1
    key = (id(generator), call)
    if rows.micro_batch == 0:
        rows.seeds[key] = random._cast_seed(random.draw_seed(generator))
    return rows.seeds[key]


def _uniform(shape: Any, inputs: Any, seed: Any, begin: Any) -> Any:
    """What a draw for the whole batch would have in the rows from `begin` on, in [0, 1)."""
    shape = tf.cast(shape, tf.int64)
    is_by_row = tf.equal(shape[0], tf.shape(inputs, out_type=tf.int64)[0])
    first = tf.where(is_by_row, tf.cast(begin, tf.int64) * tf.reduce_prod(shape[1:]), 0)
    a_count = 2 if inputs.dtype == tf.float64 else 4  # numbers drawn with one counter
    skipped = first % a_count
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    counter += tf.stack([tf.cast(first // a_count, tf.uint64), tf.zeros([], tf.uint64)])
    size = tf.reduce_prod(shape)
    drawn = tf.raw_ops.StatelessRandomUniformV2(
        shape=[skipped + size], key=key, counter=counter, alg=_PHILOX, dtype=inputs.dtype
    )
    return tf.reshape(drawn[skipped:], shape)
