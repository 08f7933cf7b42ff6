"""Many steps of a model in one compiled loop over data on the device.

Keras runs each step as a program of its own: it asks `tf.data` for a batch, calls the program,
and returns to Python. For small models that takes ten times as long as the arithmetic. Here the
model's own `train_step` is traced once within a loop, so that everything a step does (loss,
metrics, optimizer, custom code) is done as Keras writes it, and only what is around it is gone.
With XLA the loop becomes one native program in which the operations of a step are fused.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

from tftrain.keras_api import keras, tf
from tftrain.training import xla_randomness
from tftrain.training.array_chunks import ArrayPass
from tftrain.training.dataset_chunks import DatasetPass
from tftrain.training.runs import Run


class FusedSteps:
    """What `model.train_function` or `model.test_function` is while an engine fuses steps.

    It takes chunks of `FusedData`; anything else it leaves to Keras's own function.

    Args:
        model: A compiled, built model.
        step: `model.train_step` or `model.test_step`.
        xla: Whether XLA compiles the loop.
    """

    def __init__(self, model: Any, step: Callable[[Any], Any], xla: bool) -> None:
        self._model, self._step, self.xla = model, step, xla
        self._keras = type(model)._make_function(model, step)
        self._logs_are_metrics = _logs_are_metrics(model, step)
        self._compiled = tf.function(self._loop, jit_compile=xla, autograph=False)

    def __call__(self, iterator: Iterable[Any]) -> Any:
        """Runs the batches that the iterator has made ready.

        Returns:
            The logs after the last of them.

        Raises:
            StopIteration: There is no batch left.
        """
        if not isinstance(iterator, (ArrayPass, DatasetPass)):
            return self._keras(iterator)
        logs = None
        for run in iterator.take():
            logs = self.run(run) if run.padded else self._one_by_one(run)
        if logs is None:
            raise StopIteration
        return logs

    def run(self, run: Run, steps: int | None = None) -> Any:
        """Runs batches of one size, all of them or the first `steps`."""
        steps = tf.constant(run.steps if steps is None else steps)
        run = self._suiting(run)
        return self._compiled(run.columns, run.places, steps, run.batch_size)

    def variables_of(self, run: Run) -> list[tf.Variable]:
        """Every variable that running these batches can change."""
        steps, run = tf.TensorSpec([], tf.int32), self._suiting(run)
        given = (run.columns, run.places, steps, run.batch_size)
        traced = self._compiled.get_concrete_function(*given)
        return list(traced.graph.variables)

    def _suiting(self, run: Run) -> Run:
        """XLA gathers a batch within the loop, where it stays in the cache; TensorFlow, at once."""
        return run if self.xla else run.in_rows()

    def _one_by_one(self, run: Run) -> Any:
        logs = None
        for index in range(run.steps):
            logs = self._keras(iter([run.batch(index)]))
        return logs

    def _loop(self, columns: Any, places: Any, steps: tf.Tensor, batch_size: int) -> Any:
        run = Run(columns, 0, batch_size, padded=True, places=places)
        in_replica = tf.autograph.experimental.do_not_convert(self._in_replica)
        return self._model.distribute_strategy.run(in_replica, args=(run, steps))

    def _in_replica(self, run: Run, steps: tf.Tensor) -> Any:
        with xla_randomness.threefry() if self.xla else contextlib.nullcontext():
            if self._logs_are_metrics:
                self._repeat(run, steps)
                return self._model.get_metrics_result()
            self._repeat(run, steps - 1)
            return self._step(run.batch(steps - 1))

    def _repeat(self, run: Run, steps: tf.Tensor) -> None:
        def body(done: tf.Tensor) -> tuple[tf.Tensor]:
            self._step(run.batch(done))
            return (done + 1,)

        tf.while_loop(lambda done: done < steps, body, [tf.constant(0)], parallel_iterations=1)


def _logs_are_metrics(model: Any, step: Callable[[Any], Any]) -> bool:
    """Whether a step's logs are the metrics' results, which can be had after any number of them."""
    kind, keras_kind = type(model), keras.Model
    names = (step.__name__, "compute_metrics", "get_metrics_result")
    return all(getattr(kind, name, None) is getattr(keras_kind, name) for name in names)
