"""Frees the iterators of `fit` aside, so that the end of an epoch does not wait for their tuners.

Symptom: between two epochs `fit` sometimes waits, with idle cores, up to as long as the epoch
took and a minute at most; of several workers all wait for the one that does.
Cause: the tuner of a tf.data pipeline looks at it after 10, 20, 40 ... ms and sleeps in between.
An iterator that is freed wakes it, but tells it only afterwards that it is to end (tsl's
`CancellationManager::StartCancel` calls back before it takes itself for cancelled). A tuner that
looks too early sleeps on for the rest of its turn, and whoever frees the iterator waits for it.
Upstream: no report known to us. Versions: seen in TensorFlow 2.21, of one iterator in five.

The tuner stays: without it a pipeline works on as many batches at once as there are cores.
"""

from __future__ import annotations

import atexit
import functools
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

from tftrain.distribute.keras_bridge.wrapping import wrap


def install() -> None:
    """Frees what `fit`, `evaluate` and `predict` have read from aside."""
    from keras.src.backend.tensorflow.trainer import TFEpochIterator

    wrap(TFEpochIterator, "_get_iterator", _get)


def _get(original: Callable[..., Any], epochs: Any) -> _FreedAside:
    return _FreedAside(original(epochs))


class _FreedAside:
    """Batches, of which each iterator is freed aside."""

    def __init__(self, batches: Any) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[Any]:
        iterator = iter(self._batches)
        free_aside(getattr(iterator, "source", iterator))
        return iterator


def free_aside(iterator: Any) -> None:
    """Lets another thread free the resource of a tf.data iterator; others are left alone."""
    from tensorflow.python.data.ops.iterator_ops import OwnedIterator

    if type(iterator) is OwnedIterator:
        _start()
        iterator.__class__ = _freed_aside()


# What `__del__` does, the collector may do anywhere: in the middle of `Thread.start`, or when no
# thread can begin any more. Of all that passes something on, `SimpleQueue.put` alone allows that.
_left: queue.SimpleQueue[Any] = queue.SimpleQueue()


@functools.cache
def _start() -> None:
    thread = threading.Thread(target=_free, name="free-iterators", daemon=True)
    thread.start()
    atexit.register(_end, thread)


def _free() -> None:
    while (resource := _left.get()) is not None:
        del resource


def _end(thread: threading.Thread) -> None:
    _left.put(None)
    thread.join()


@functools.cache
def _freed_aside() -> type[Any]:
    from tensorflow.python.data.ops.iterator_ops import OwnedIterator

    class IteratorFreedAside(OwnedIterator):
        def __del__(self) -> None:
            resource = self.__dict__.pop("_iterator_resource", None)
            if resource is not None:
                _left.put(resource)

    return IteratorFreedAside
