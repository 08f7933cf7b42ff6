"""A model's train, test and predict steps, each one program on all devices of the mesh."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable
from typing import Any

from tensorflow.experimental import dtensor

from tftrain.distribute.tensor_parallel import operations, shards, step_trace
from tftrain.errors import StrategyError
from tftrain.keras_api import keras, tf, without_lines


class MeasuredSteps:
    """What `model.train_function` and `model.test_function` are under this strategy.

    Args:
        model: A compiled model, built under its strategy.
        step: `model.train_step` or `model.test_step`.
    """

    def __init__(self, model: Any, step: Callable[[Any], Any]) -> None:
        self._model = model
        self._step = MeshStep(model, step)

    def __call__(self, iterator: Iterable[Any]) -> Any:
        """Takes the next `steps_per_execution` batches, a step each.

        Returns:
            The logs after the last of them.

        Raises:
            StopIteration: There is no batch left.
        """
        logs = None
        for batch in itertools.islice(iterator, self._model.steps_per_execution):
            logs = self._step(batch)
        if logs is None:
            raise StopIteration
        return logs


class PredictSteps:
    """What `model.predict_function` is under this strategy."""

    def __init__(self, model: Any) -> None:
        self._step = MeshStep(model, model.predict_step)

    def __call__(self, batches: list[Any]) -> Any:
        """The predictions of all rows of some batches, in order."""
        outputs = [self._step(batch) for batch in batches]
        if len(outputs) == 1:
            return outputs[0]
        return keras.tree.map_structure(lambda *parts: tf.concat(parts, axis=0), *outputs)


class MeshStep:
    """A step on one batch: given to the devices, run on all of them, gathered.

    A batch whose rows cannot be shared out evenly is given to every device whole: the result is
    the same.

    Args:
        model: Whose step it is.
        step: Takes a batch.
    """

    def __init__(self, model: Any, step: Callable[[Any], Any]) -> None:
        self._name, self._strategy, self._step = model.name, model.distribute_strategy, step
        self._late: dict[Any, list[Any]] = {}  # what is written after the step, by batch axis
        self._run = tf.function(self._traced, autograph=False)  # shapes must be known
        self._graph: Any = None
        self._compiled: set[str] = set()  # for batches of which kinds
        # Keras asks for one, also where `fit` is called within the scope.
        self._replica = tf.distribute.ReplicaContext(self._strategy, 0)

    def __call__(self, batch: Any) -> Any:
        """What the step returns, on the host."""
        batch = keras.tree.map_structure(_tensor, batch)
        axis = self._strategy.batch_axis(batch)
        given = keras.tree.map_structure(lambda leaf: self._put(leaf, axis), batch)
        try:
            with dtensor.default_mesh(self._strategy.mesh), self._replica, self._quiet(given, axis):
                outputs, late = self._run(given, axis)
        except tf.errors.OpError as error:
            raise self._explained(error) from error
        for variable, value in zip(self._late[axis], late, strict=True):
            variable.store(value)
        return keras.tree.map_structure(_of_host, outputs)

    def _quiet(self, batch: Any, axis: str | None) -> contextlib.AbstractContextManager[None]:
        """Keeps what DTensor tells of each function it compiles from the terminal."""
        leaves = keras.tree.flatten(batch)
        kind = (axis, *(None if leaf is None else (leaf.shape, leaf.dtype) for leaf in leaves))
        if str(kind) in self._compiled:
            return contextlib.nullcontext()
        self._compiled.add(str(kind))
        return without_lines("DTensor cache key lookup missed")

    def _put(self, leaf: Any, axis: str | None) -> Any:
        if leaf is None:
            return None
        axes = [axis, *[None] * leaf.shape.rank][: leaf.shape.rank]
        return shards.put(leaf, self._strategy.layout(*axes))

    def _traced(self, batch: Any, axis: str | None) -> tuple[Any, list[Any]]:
        trace = step_trace.StepTrace(self._strategy, axis)
        self._graph = tf.compat.v1.get_default_graph()
        with trace.active():
            outputs = keras.tree.map_structure(_tensor, self._step(batch))
            late = trace.store()
        self._late[axis] = [variable for variable, _ in late]
        return outputs, [value for _, value in late]

    def _explained(self, error: Exception) -> StrategyError:
        reason = operations.reason(error, self._graph)
        told = " ".join(str(error).split())[:500]
        return StrategyError(f"model {self._name!r} cannot be run on the mesh: {reason or told}")


def _tensor(leaf: Any) -> Any:
    """A leaf of a batch or of a step's result; None also where Keras has an empty Optional."""
    if leaf is None or isinstance(leaf, tf.experimental.Optional):
        return None
    if isinstance(leaf, (tf.RaggedTensor, tf.SparseTensor)):
        raise StrategyError(
            f"model_parallel received a {type(leaf).__name__}; expected dense tensors: pad ragged "
            "ones (to_tensor), or use the strategy 'mirrored'"
        )
    leaf = tf.convert_to_tensor(leaf)
    if leaf.dtype == tf.string:
        raise StrategyError(
            "model_parallel received strings, which a mesh does not take: look them up in the "
            "data pipeline, by dataset.map"
        )
    return leaf


def _of_host(value: Any) -> Any:
    if value is None:
        return None
    if dtensor.fetch_layout(value).is_fully_replicated():
        return dtensor.unpack(value)[0]
    return tf.constant(shards.gathered(value))
