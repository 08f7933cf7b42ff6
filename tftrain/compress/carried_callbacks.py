"""Keras 3 callbacks in a `fit` of tf_keras."""

from __future__ import annotations

from typing import Any

from tftrain.compress.tf_keras_api import tf_keras
from tftrain.keras_api import keras

_HOOKS = [
    f"on_{kind}_{when}"
    for kind in ("train", "test", "predict", "train_batch", "test_batch", "predict_batch", "epoch")
    for when in ("begin", "end")
]


def carried(callback: Any) -> Any:
    """The callback as tf_keras calls it.

    Both libraries call the same methods; `self.model` is the tf_keras model, which has
    `optimizer`, `get_weights`, `set_weights`, `stop_training` and `save_weights` as well.

    Args:
        callback: Of Keras 3 or of tf_keras.
    """
    if isinstance(callback, tf_keras.callbacks.Callback):
        return callback
    overridden = {
        hook: getattr(callback, hook)
        for hook in (*_HOOKS, "set_model", "set_params")
        if getattr(type(callback), hook, None) is not getattr(keras.callbacks.Callback, hook, None)
        or hook.startswith("set_")
    }
    # A class of its own, since tf_keras asks the class which hooks there are.
    forwarded = {hook: _forward(method) for hook, method in overridden.items()}
    return type(f"Carried{type(callback).__name__}", (tf_keras.callbacks.Callback,), forwarded)()


def _forward(method: Any) -> Any:
    def call(_: Any, *args: Any, **kwargs: Any) -> Any:
        return method(*args, **kwargs)

    return call
