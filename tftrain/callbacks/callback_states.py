"""What callbacks must remember for a training to go on as if it had never stopped.

A callback of your own says so by two methods: `checkpoint_state()`, which gives a dict of numbers,
texts, arrays, None and lists of them, and `restore_checkpoint_state(state)`, which takes it back.
It is called after `on_train_begin` and, if an epoch was cut, again after that epoch's
`on_epoch_begin`. Of Keras's own callbacks the attributes are known.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tftrain.keras_api import keras

_KNOWN = {
    "EarlyStopping": ("wait", "stopped_epoch", "best", "best_epoch", "best_weights"),
    "ReduceLROnPlateau": ("wait", "best", "cooldown_counter"),
    "ModelCheckpoint": ("best", "_batches_seen_since_last_saving", "_last_batch_seen"),
}


def states(callbacks: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """The state of each callback that has one, by a name that a restarted script gives it too.

    Example:
        >>> stopping = keras.callbacks.EarlyStopping(patience=3)
        >>> stopping.wait = 2
        >>> states([stopping])["EarlyStopping 0"]["wait"]
        2
    """
    found = {name: _state(callback) for name, callback in _named(callbacks).items()}
    return {name: state for name, state in found.items() if state}


def restore(callbacks: Iterable[Any], saved: dict[str, dict[str, Any]]) -> list[str]:
    """Gives callbacks their states back.

    Returns:
        Names of states that no callback takes, and of callbacks that get none.
    """
    named = {name: each for name, each in _named(callbacks).items() if _has_state(each)}
    for name in named.keys() & saved.keys():
        _set(named[name], saved[name])
    return sorted(named.keys() ^ saved.keys())


def _named(callbacks: Iterable[Any]) -> dict[str, Any]:
    counts: dict[str, int] = {}
    named = {}
    for callback in callbacks:
        kind = type(callback).__name__
        named[f"{kind} {counts.setdefault(kind, 0)}"] = callback
        counts[kind] += 1
    return named


def _has_state(callback: Any) -> bool:
    return hasattr(callback, "checkpoint_state") or bool(_attributes(callback))


def _attributes(callback: Any) -> list[str]:
    return [
        attribute
        for kind, attributes in _KNOWN.items()
        if isinstance(callback, getattr(keras.callbacks, kind))
        for attribute in attributes
    ]


def _state(callback: Any) -> dict[str, Any]:
    if hasattr(callback, "checkpoint_state"):
        return callback.checkpoint_state()
    return {
        name: _plain(getattr(callback, name))
        for name in _attributes(callback)
        if hasattr(callback, name)
    }


def _set(callback: Any, state: dict[str, Any]) -> None:
    if hasattr(callback, "checkpoint_state"):
        callback.restore_checkpoint_state(state)
        return
    for name, value in state.items():
        setattr(callback, name, value)


def _plain(value: Any) -> Any:
    """Numbers as Python's own, since JSON knows no others."""
    return value.item() if isinstance(value, np.generic) else value
