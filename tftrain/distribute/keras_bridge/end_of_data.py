"""Takes no part of a step where the data have ended.

Symptom: with data of unknown length (a generator, `TFRecordDataset`, `filter`) every epoch counts
one step more than it has batches: schedules and `gradient_accumulation_steps` get out of step, and
dropout draws other numbers than on replicas, with `run_eagerly` or where the length is known.
Cause: the call that asks for the batch is the one that takes the step. Where there is no batch it
fails, but what of a step needs none of the data (`iterations`, random states) runs all the same.
Upstream: no report known to us. Versions: seen in Keras 3.12.4 and 3.15.1.

Steps compiled by XLA are one operation, which waits for its data; steps on replicas ask before.
Where the length is known no batch is asked for in vain, and a step that waits takes longer to
compile.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from tftrain.distribute.keras_bridge.replication import is_replicated
from tftrain.distribute.keras_bridge.wrapping import wrap
from tftrain.keras_api import tf


def install() -> None:
    """Makes everything in a step wait for its batch, where there may be none."""
    from keras.src.backend.tensorflow.trainer import TensorFlowTrainer
    from keras.src.trainers.epoch_iterator import EpochIterator

    wrap(EpochIterator, "_enumerate_iterator", _enumerate)
    wrap(TensorFlowTrainer, "_make_function", _make_function)


def _enumerate(original: Callable[..., Any], epochs: Any) -> Iterator[Any]:
    may_end = getattr(epochs.data_adapter, "num_batches", 0) is None
    for begin, end, iterator in original(epochs):
        if may_end and isinstance(iterator, tf.data.Iterator):
            iterator._tftrain_may_end = True
        yield begin, end, iterator


def _make_function(original: Callable[..., Any], model: Any, step: Callable[[Any], Any]) -> Any:
    # XLA could not create an optimizer's variables in a step that waits.
    if model.jit_compile or is_replicated(model.distribute_strategy):
        return original(model, step)
    known, unknown = original(model, step), original(model, _after_data(step))

    def function(iterator: Any) -> Any:
        return (unknown if hasattr(iterator, "_tftrain_may_end") else known)(iterator)

    return function


def _after_data(step: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(step)
    def step_after_data(data: Any) -> Any:
        leaves = tf.nest.flatten(data, expand_composites=True)
        with tf.control_dependencies([leaf for leaf in leaves if tf.is_tensor(leaf)][:1]):
            return step(data)

    return step_after_data
