"""Callbacks are told when `fit` is left, however it is left.

Symptom: what a callback holds while `fit` runs (a lock, a thread, a signal handler) it holds on
after an exception or Ctrl-C.
Cause: Keras calls `on_train_end` only after a training that came to its end.
Upstream: by design
Versions: keras 3.0 to 3.15

A callback that has a method `on_fit_exit()` gets the call, the last one first. What a `fit` was
given can be asked for while it runs, by `argument_of` and `callbacks_of`.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from tftrain.distribute.keras_bridge.wrapping import wrap
from tftrain.keras_api import keras


def install() -> None:
    """Makes `fit` tell its callbacks."""
    wrap(keras.Model, "fit", _fit)


def callbacks_of(model: Any) -> list[Any]:
    """The callbacks that the running `fit` of a model was given."""
    given = argument_of(model, "callbacks")
    return [each for each in keras.tree.flatten(getattr(given, "callbacks", given)) if each]


def argument_of(model: Any, name: str, default: Any = None) -> Any:
    """What the running `fit` of a model was given under this name; else the default."""
    given = model.__dict__.get("_tftrain_fit")
    return given.arguments.get(name, default) if given else default


def _fit(original: Callable[..., Any], model: Any, *args: Any, **kwargs: Any) -> Any:
    given = inspect.signature(original).bind(model, *args, **kwargs)
    with _known(model, given), contextlib.ExitStack() as exits:
        for callback in callbacks_of(model):
            if hasattr(callback, "on_fit_exit"):
                exits.callback(callback.on_fit_exit)
        return original(model, *args, **kwargs)


@contextlib.contextmanager
def _known(model: Any, given: inspect.BoundArguments) -> Iterator[None]:
    # Past Keras's tracking, and as an object: Keras looks for layers in lists and dictionaries.
    outer = model.__dict__.get("_tftrain_fit")
    model.__dict__["_tftrain_fit"] = given
    try:
        yield
    finally:
        model.__dict__["_tftrain_fit"] = outer
