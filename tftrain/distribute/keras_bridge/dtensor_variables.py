"""Variables of Keras as shards on a mesh, with the slots of optimizers where their variables are.

Symptom: under DTensor a Keras model's variables are whole, on one device; and where they are made
`dtensor.DVariable`s, slots of optimizers are whole beside cut variables: each device holds all of
them.
Cause: Keras's TensorFlow `Variable` knows of no layout, and its distribution for this backend is a
sketch that says "do not use".
Upstream: none filed under this name; keras.distribution works on JAX
Versions: keras 3.12 to 3.15

Active under the strategy 'model_parallel' alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tftrain.distribute.keras_bridge.wrapping import wrap
from tftrain.distribute.tensor_parallel import is_model_parallel
from tftrain.keras_api import keras, tf


def install() -> None:
    """Lets variables be made as the current strategy lays them out."""
    from keras.src.backend.tensorflow.core import Variable
    from keras.src.optimizers.base_optimizer import BaseOptimizer

    wrap(Variable, "_initialize", _initialize)
    wrap(BaseOptimizer, "add_variable", _add_variable)


def mesh_strategy() -> Any | None:
    """The current strategy, if it has a mesh."""
    strategy = tf.distribute.get_strategy()
    return strategy if is_model_parallel(strategy) else None


def _initialize(original: Callable[..., Any], variable: Any, value: Any) -> None:
    strategy = mesh_strategy()
    if strategy is None or isinstance(value, tf.Variable):
        original(variable, value)
        return
    value = tf.cast(tf.convert_to_tensor(value() if callable(value) else value), variable._dtype)
    variable._value = strategy.make_variable(
        variable.path, value, dtype=value.dtype, trainable=variable.trainable, name=variable.name
    )
    variable._layout = variable._value.layout  # Keras gives it to slots


def _add_variable(
    original: Callable[..., Any], optimizer: keras.optimizers.Optimizer, *args: Any, **kwargs: Any
) -> Any:
    strategy = mesh_strategy()
    if strategy is None:
        return original(optimizer, *args, **kwargs)
    with strategy.laying_out(kwargs.get("layout")):
        return original(optimizer, *args, **kwargs)
