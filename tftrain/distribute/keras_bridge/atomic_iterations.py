"""`assign_add` and `assign_sub` of a variable on a parameter server, in one operation.

Symptom: after 60 asynchronous steps `optimizer.iterations` is about 50; learning-rate schedules
and Adam's bias correction lag behind.
Cause: `keras.Variable.assign_add` reads, adds and assigns. Between a worker's read and its
assignment other workers' additions are lost.
Upstream: none filed under this name; seen in Keras 3.12 to 3.15.
Versions: Keras 3.12 to 3.15.

Only variables whose device is a parameter server are concerned; every other goes Keras's way.
"""

from __future__ import annotations

import functools
from typing import Any

from tftrain.distribute.variable_placement import server_of
from tftrain.keras_api import keras, tf


@functools.cache
def install() -> None:
    """Activates the repair; a second call does nothing."""
    from keras.src import backend

    for name in ("assign_add", "assign_sub"):
        setattr(backend.Variable, name, _atomic(getattr(backend.Variable, name), name))


def _atomic(original: Any, name: str) -> Any:
    @functools.wraps(original)
    def method(self: keras.Variable, value: Any) -> Any:
        held = self._value
        on_server = isinstance(held, tf.Variable) and server_of(held.device) is not None
        if not on_server or _in_stateless_scope():
            return original(self, value)
        return getattr(held, name)(tf.cast(value, held.dtype))

    return method


def _in_stateless_scope() -> bool:
    from keras.src.backend.common.stateless_scope import in_stateless_scope

    return in_stateless_scope()
