"""Which callbacks must be called after every batch, and which are content with fewer calls."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from tftrain.keras_api import keras

_TRAIN = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
_TEST = ("on_test_batch_begin", "on_test_batch_end")


def needing_every_batch(callbacks: Any) -> list[str]:
    """Names of the callbacks' classes that act on batches of training or of validation.

    A callback can say so itself by an attribute `needs_every_batch`. Otherwise it does if it has
    methods for batches, but for callbacks of Keras that only keep count in them.

    Args:
        callbacks: What `fit` accepts: None, a list, or a `CallbackList`.
    """
    return sorted({type(each).__name__ for each in listed(callbacks) if _needs_every_batch(each)})


def steps_between_calls(callbacks: Any) -> int | None:
    """After how many batches, counted from an epoch's first, callbacks must be called.

    A callback that acts after every N-th batch says so by an attribute `needs_every_steps`.

    Args:
        callbacks: What `fit` accepts.

    Returns:
        A number that divides all of theirs; None if there are none.
    """
    asked = [getattr(each, "needs_every_steps", None) for each in listed(callbacks)]
    return math.gcd(*(number for number in asked if number)) or None


def seconds_between_calls(callbacks: Any) -> float | None:
    """After how many seconds, about, callbacks must be called.

    A callback that has to act soon says so by an attribute `needs_every_secs`.

    Args:
        callbacks: What `fit` accepts.

    Returns:
        The least of theirs; None if there are none.
    """
    asked = [getattr(each, "needs_every_secs", None) for each in listed(callbacks)]
    return min((seconds for seconds in asked if seconds), default=None)


def listed(callbacks: Any) -> Iterable[Any]:
    """The callbacks one by one, of whatever `fit` accepts."""
    given = getattr(callbacks, "callbacks", callbacks)
    return [each for each in keras.tree.flatten(given) if each is not None]


def _needs_every_batch(callback: Any) -> bool:
    said = getattr(callback, "needs_every_batch", None)
    if said is not None:
        return bool(said)
    acting = [name for name in _TRAIN + _TEST if not _is_keras_default(callback, name)]
    keeping_count = _keeping_count(callback)
    return any(name not in keeping_count for name in acting)


def _is_keras_default(callback: Any, name: str) -> bool:
    method = getattr(callback, name, None)
    return method is None or getattr(method, "_is_default", False)


def _keeping_count(callback: Any) -> set[str]:
    """Those of its methods that it has from a class of Keras which does nothing in them now."""
    kept = set()
    for kind, is_idle in _COUNTING.items():
        known = getattr(keras.callbacks, kind)
        if isinstance(callback, known) and is_idle(callback):
            own = {name: getattr(type(callback), name) for name in _TRAIN + _TEST}
            kept |= {name for name, method in own.items() if method is getattr(known, name)}
    return kept


def _always(callback: Any) -> bool:
    return True


def _saves_by_epoch(callback: Any) -> bool:
    return callback.save_freq == "epoch"


def _writes_by_epoch(callback: Any) -> bool:
    profiles = getattr(callback, "_should_trace", True)
    return callback.update_freq == "epoch" and not (profiles or callback.write_steps_per_second)


_COUNTING = {
    "ProgbarLogger": _always,
    "ModelCheckpoint": _saves_by_epoch,
    "BackupAndRestore": _saves_by_epoch,
    "TensorBoard": _writes_by_epoch,
}
