"""A variable of which each device of a mesh holds its shard, or a copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras.src.backend.common.symbolic_scope import in_symbolic_scope
from tensorflow.experimental import dtensor
from tensorflow.python.eager import tape

from tftrain.distribute.tensor_parallel import shards, step_trace
from tftrain.errors import StrategyError
from tftrain.keras_api import tf


class MeshVariable(dtensor.DVariable):
    """A `dtensor.DVariable` that steps see as a value, and everybody else as a whole one.

    Within a step that is traced, reads and assignments are those of the trace. Anywhere else
    reading gathers the value on the host, and assigning cuts it and sends the shards.
    """

    @property
    def names_axis(self) -> bool:
        """Whether its layout cuts a dimension, be it over an axis of one device."""
        return any(spec != dtensor.UNSHARDED for spec in self.layout.sharding_specs)

    def stored(self) -> Any:
        """What it holds, a DTensor: read where this is called."""
        value = tf.raw_ops.ReadVariableOp(resource=self._handle, dtype=self.dtype)
        value.set_shape(self.shape)
        return value

    def store(self, value: Any) -> None:
        """Makes it hold a DTensor of its layout: written where this is called."""
        tf.raw_ops.AssignVariableOp(resource=self._handle, value=value)

    def laid_out(self, value: Any) -> Any:
        """A DTensor in this variable's layout, the only one that is to be stored."""
        return dtensor.relayout(value, self.layout)

    @property
    def handle(self) -> Any:
        """What a gradient is asked for: within a step, the value."""
        trace = step_trace.current()
        return self._handle if trace is None else trace.read(self)

    def value(self) -> Any:
        """What it holds: in a step the trace's value, else the whole, gathered."""
        return self._read_variable_op()

    def read_value(self) -> Any:
        """As `value`."""
        return self._read_variable_op()

    def _read_variable_op(self, no_copy: bool = False) -> Any:
        trace = step_trace.current()
        if trace is not None:
            value = trace.read(self)
            tape.variable_accessed(self)
            return value
        if in_symbolic_scope():  # Keras asks for shapes alone
            return tf.compat.v1.placeholder(self.dtype, self.shape)
        if not tf.executing_eagerly():
            raise StrategyError(
                f"a tf.function reads variable {self.name!r}, of which each device holds its "
                "shard: use fit, evaluate and predict, with a train_step of your own if need be, "
                "or call the function within `with strategy.whole(model):`"
            )
        return tf.constant(self.numpy())

    def sparse_read(self, indices: Any, name: str | None = None) -> Any:
        """Rows of the value."""
        return tf.gather(self.value(), indices, name=name)

    def assign(
        self, value: Any, use_locking: Any = None, name: Any = None, read_value: bool = True
    ) -> MeshVariable:
        """Takes a whole value, or in a step a tensor of it."""
        value = tf.cast(tf.convert_to_tensor(value), self.dtype)
        trace = step_trace.current()
        if trace is not None:
            trace.write(self, value)
        else:
            self.store(shards.put(value, self.layout))
        return self

    def assign_add(
        self, delta: Any, use_locking: Any = None, name: Any = None, read_value: bool = True
    ) -> MeshVariable:
        """Adds to the value."""
        return self.assign(self.value() + tf.cast(tf.convert_to_tensor(delta), self.dtype))

    def assign_sub(
        self, delta: Any, use_locking: Any = None, name: Any = None, read_value: bool = True
    ) -> MeshVariable:
        """Subtracts from the value."""
        return self.assign(self.value() - tf.cast(tf.convert_to_tensor(delta), self.dtype))

    def scatter_add(self, sparse_delta: Any, use_locking: Any = False, name: Any = None) -> Any:
        """Adds rows, those of a gradient."""
        return self.assign_add(sparse_delta)

    def scatter_sub(self, sparse_delta: Any, use_locking: Any = False, name: Any = None) -> Any:
        """Subtracts rows."""
        return self.assign_sub(sparse_delta)

    def numpy(self) -> np.ndarray:
        """The whole value."""
        return shards.gathered(self.stored())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.numpy(), dtype)

    def bytes_per_device(self) -> list[int]:
        """Bytes that each device of the mesh holds of it, in the mesh's order."""
        width = self.dtype.size
        return [int(np.prod(part.shape)) * width for part in dtensor.unpack(self.stored())]


def _of_values(name: str) -> Callable[..., Any]:
    """An operator on what variables hold: TensorFlow's own reads the second one's shards."""

    def operate(variable: MeshVariable, *others: Any) -> Any:
        values = [each.value() if isinstance(each, MeshVariable) else each for each in others]
        return getattr(variable.value(), name)(*values)

    return operate


for _name in tf.Tensor.OVERLOADABLE_OPERATORS:
    setattr(MeshVariable, _name, _of_values(_name))


def make(value: Any, layout: Any, **options: Any) -> MeshVariable:
    """A variable whose first value is known here.

    Args:
        value: A tensor or an array.
        layout: A `dtensor.Layout`.
        **options: `dtype`, `trainable`, `name` and others, as of `tf.Variable`.
    """
    return MeshVariable(shards.put(value, layout), **options)
