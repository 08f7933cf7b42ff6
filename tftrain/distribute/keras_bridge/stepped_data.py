"""Lets the data of a `fit` say how many batches each execution takes.

Symptom: `steps_per_execution` is a setting of the model: it holds in `predict` too, which traces
as many copies of the model; the last execution of an epoch is told to callbacks with the number of
a batch that does not exist; with steps_per_epoch=10 and 4 at a time an epoch takes 12; with data
of unknown length `fit` warns that it ran out.
Cause: `EpochIterator` counts in multiples of it and never asks the data.
Upstream: no report known to us. Versions: seen in Keras 3.12.4 and 3.15.1.

A data adapter, which `fit` takes in place of data, is asked if it has a method
`enumerate_steps(epochs, keras_enumeration)` that yields (first batch, last batch, iterator).
One with `keeps_data = True` is asked for nothing else, neither a dataset nor a NumPy iterator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tftrain.distribute.keras_bridge.wrapping import wrap


def install() -> None:
    """Makes epochs ask their data."""
    from keras.src.backend.tensorflow.trainer import TFEpochIterator
    from keras.src.trainers.epoch_iterator import EpochIterator

    wrap(TFEpochIterator, "__init__", _init)
    wrap(EpochIterator, "_enumerate_iterator", _enumerate)


def _init(
    original: Callable[..., Any], epochs: Any, distribute_strategy: Any = None, **options: Any
) -> None:
    from keras.src.trainers.epoch_iterator import EpochIterator

    if getattr(options.get("x"), "keeps_data", False):
        EpochIterator.__init__(epochs, **options)
        epochs._distribute_strategy = distribute_strategy
        epochs._distributed_dataset = None
    else:
        original(epochs, distribute_strategy, **options)


def _enumerate(original: Callable[..., Any], epochs: Any) -> Iterator[Any]:
    own = getattr(epochs.data_adapter, "enumerate_steps", None)
    return original(epochs) if own is None else own(epochs, original)
