"""Metric state that belongs to one step, so that asynchronous workers cannot lose updates.

A Keras metric reads its state, adds, and assigns. On a parameter server, where many workers do so
at once, additions are lost; and a step that is run again because its worker died is counted
twice. So while a step is traced its metrics' variables are replaced by variables that live for
one execution, on the worker, and start at zero. The step returns them, and the coordinator adds
each *finished* step's share exactly once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tftrain.keras_api import keras, tf

# The runtime's name for "a new resource at every execution".
_ANONYMOUS = "cd2c89b7-88b7-44c8-ad83-06c2a9158347"


class StepVariable:
    """A resource variable made and dropped within one execution of a traced function."""

    def __init__(self, shape: Sequence[int], dtype: Any) -> None:
        self.shape = tf.TensorShape(shape)
        self.dtype = tf.as_dtype(dtype)
        self.handle = tf.raw_ops.VarHandleOp(
            dtype=self.dtype, shape=self.shape, shared_name=_ANONYMOUS
        )
        self.assign(tf.zeros(self.shape, self.dtype))

    def assign(self, value: Any) -> tf.Tensor:
        """Replaces the value, and returns the new one."""
        tf.raw_ops.AssignVariableOp(resource=self.handle, value=tf.cast(value, self.dtype))
        return self.read_value()

    def assign_add(self, value: Any) -> tf.Tensor:
        """Adds to the value, and returns the new one."""
        return self.assign(self.read_value() + tf.cast(value, self.dtype))

    def read_value(self) -> tf.Tensor:
        """Returns the value at this point of the step."""
        value = tf.raw_ops.ReadVariableOp(resource=self.handle, dtype=self.dtype)
        value.set_shape(self.shape)
        return value

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> tf.Tensor:
        return tf.convert_to_tensor(self.read_value(), dtype=dtype, name=name)


@contextlib.contextmanager
def within_step(variables: Sequence[keras.Variable]) -> Iterator[list[StepVariable]]:
    """While a step is traced, gives each of `variables` a value of its own, from zero."""
    held = [variable._value for variable in variables]
    fresh = [StepVariable(variable.shape, variable._dtype) for variable in variables]
    try:
        for variable, value in zip(variables, fresh, strict=True):
            variable._value = value
        yield fresh
    finally:
        for variable, value in zip(variables, held, strict=True):
            variable._value = value


class Tally:
    """What the finished steps since the last `clear` add up to, on the coordinator.

    Args:
        variables: The metrics' variables. Those with `aggregation="sum"`, which Keras gives to
            every metric variable, are summed; any other keeps its newest value.
    """

    def __init__(self, variables: Sequence[keras.Variable]) -> None:
        self.variables = list(variables)
        self.clear()

    def clear(self) -> None:
        """Starts from zero."""
        self.totals = [np.zeros(v.shape, v._dtype) for v in self.variables]

    def add(self, values: Sequence[Any]) -> None:
        """Adds one step's values, in the order of `variables`."""
        self.totals = [
            total + np.asarray(value) if variable.aggregation == "sum" else np.asarray(value)
            for variable, total, value in zip(self.variables, self.totals, values, strict=True)
        ]

    def mapping(self) -> list[tuple[keras.Variable, np.ndarray]]:
        """Returns each variable with its total."""
        return list(zip(self.variables, self.totals, strict=True))


def unique(variables: Sequence[keras.Variable]) -> list[keras.Variable]:
    """Returns the variables in order, each once: a metric of a nested model is listed twice."""
    return list({id(variable): variable for variable in variables}.values())
