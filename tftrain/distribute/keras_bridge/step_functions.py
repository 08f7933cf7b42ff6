"""Runs `train_step`, `test_step` and `predict_step` on all replicas, several steps a call.

Symptom: `fit` under MultiWorkerMirroredStrategy raises after the first step; with
`steps_per_execution` above one it fails in graph construction ("must feed a placeholder"), and
under MirroredStrategy too; `train_on_batch` gives every replica the whole batch; `predict`
returns rows in an order that depends on how workers were fed.
Cause: results are reduced along an axis that numbers do not have, and the loop over steps asks
the iterator for optional elements within a loop of collectives.
Upstream: keras#20585, keras#20329. Versions: seen in Keras 3.12.4 and 3.15.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tftrain.distribute.keras_bridge import row_share
from tftrain.distribute.keras_bridge.batch_statistics import average_over_replicas
from tftrain.distribute.keras_bridge.global_batches import (
    BatchIterator,
    Layout,
    ReplicaBatch,
    per_replica,
    split_batch,
)
from tftrain.distribute.keras_bridge.replication import is_replicated
from tftrain.distribute.keras_bridge.step_logs import StepLogs, counted_once
from tftrain.distribute.roles import is_multi_worker
from tftrain.keras_api import keras, tf


def install() -> None:
    """Replaces how the TensorFlow trainer makes its functions under a replicated strategy."""
    from keras.src.backend.tensorflow.trainer import TensorFlowTrainer as Trainer
    from keras.src.utils.python_utils import pythonify_logs

    single_make, single_predict = Trainer._make_function, Trainer.make_predict_function
    single_logs = Trainer._get_metrics_result_or_logs

    def _make_function(self: Any, step_function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        if not is_replicated(self.distribute_strategy):
            return single_make(self, step_function)
        return StepFunction(self, step_function)

    def make_predict_function(self: Any, force: bool = False) -> Any:
        if not is_replicated(self.distribute_strategy):
            return single_predict(self, force)
        if self.predict_function is None or force:
            self.predict_function = PredictFunction(self)
        return self.predict_function

    def _get_metrics_result_or_logs(self: Any, logs: Any) -> Any:
        if logs and is_replicated(self.distribute_strategy):
            return pythonify_logs(logs)  # as `single_logs` does in Keras 3.12, later ones after it
        return single_logs(self, logs)

    Trainer._make_function = _make_function
    Trainer.make_predict_function = make_predict_function
    Trainer._get_metrics_result_or_logs = _get_metrics_result_or_logs


class ReplicatedSteps:
    """A step of a model, on all replicas at once; the piece to build training loops from.

    Args:
        model: A compiled model built in the scope of its strategy.
        step: `model.train_step`, `model.test_step`, or another function of a replica's data.
    """

    def __init__(self, model: Any, step: Callable[[Any], Any]) -> None:
        self.model = model
        self.strategy = model.distribute_strategy
        self._step = step
        self._trains = step == model.train_step

    def run(self, element: Any, layout: Layout) -> None:
        """Runs the step on one batch and drops what it returns."""

        def on_replica(data: Any, all_rows: Any) -> None:
            with row_share.row_share(data, all_rows, layout.may_copy) as share:
                self._run_step(data, share)

        self._on_replicas(on_replica, element, layout)

    def run_with_logs(self, element: Any, layout: Layout) -> Any:
        """Runs the step on one batch and gives its logs over all replicas."""
        logs = StepLogs(self.model)

        def on_replica(data: Any, all_rows: Any) -> Any:
            with row_share.row_share(data, all_rows, layout.may_copy) as share:
                outputs = logs.over_replicas(self._run_step(data, share), share)
                if self._trains:
                    average_over_replicas(self.model, share)
            return outputs

        with logs.noted():
            outputs = self._on_replicas(on_replica, element, layout)
        return keras.tree.map_structure(self._of_first_replica, outputs)

    def _run_step(self, data: Any, share: row_share.RowShare) -> Any:
        with counted_once(self.model, share):
            return self._step(without_optionals(data))

    def _on_replicas(self, function: Callable[..., Any], element: Any, layout: Layout) -> Any:
        args = per_replica(element, layout, self.strategy)
        return self.strategy.run(_as_written(function), args=args)

    def _of_first_replica(self, value: Any) -> Any:
        return self.strategy.experimental_local_results(value)[0]


class StepFunction:
    """What `model.train_function` and `model.test_function` are under a replicated strategy."""

    def __init__(self, model: Any, step: Callable[[Any], Any]) -> None:
        self._model = model
        self._steps = ReplicatedSteps(model, step)
        self._compiled_one = _compiled(model, self._steps.run_with_logs)
        self._compiled_many = _compiled(model, self._many)

    def __call__(self, iterator: Iterable[Any]) -> Any:
        """Runs up to `steps_per_execution` steps.

        Returns:
            The logs after the last of them.

        Raises:
            StopIteration: There is no batch left.
        """
        if isinstance(iterator, BatchIterator) and iterator.counted:
            steps = iterator.take(self._model.steps_per_execution)
            return self._compiled_many(iterator.source, tf.constant(steps), iterator.layout)
        return self._one_by_one(iterator)

    def _many(self, source: Any, steps: Any, layout: Layout) -> Any:
        if self._model.steps_per_execution > 1:
            self._all_but_last(source, steps, layout)
        return self._steps.run_with_logs(source.get_next(), layout)

    def _all_but_last(self, source: Any, steps: Any, layout: Layout) -> None:
        def body(done: Any) -> tuple[Any]:
            self._steps.run(source.get_next(), layout)
            return (done + 1,)

        tf.while_loop(lambda done: done < steps - 1, body, [tf.constant(0)], parallel_iterations=1)

    def _one_by_one(self, iterator: Iterable[Any]) -> Any:
        logs = None
        for _, data in zip(range(self._model.steps_per_execution), iterator, strict=False):
            batch = _as_batch(data, self._steps.strategy)
            logs = self._compiled_one(batch.element, batch.layout)
        if logs is None:
            raise StopIteration
        return logs


class PredictFunction:
    """What `model.predict_function` is under a replicated strategy."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._strategy = model.distribute_strategy
        self._compiled = _compiled(model, self._predict)

    def __call__(self, batches: list[Any]) -> Any:
        """Predicts batches; gives all rows of all of them, in order, on every worker."""
        outputs = [self._predict_batch(batch) for batch in batches]
        return keras.tree.map_structure(lambda *parts: tf.concat(parts, axis=0), *outputs)

    def _predict_batch(self, batch: Any) -> Any:
        batch = _as_batch(batch, self._strategy)
        return self._compiled(batch.element, batch.layout)

    def _predict(self, element: Any, layout: Layout) -> Any:
        def on_replica(data: Any) -> Any:
            outputs = self._model.predict_step(without_optionals(data))
            return keras.tree.map_structure(self._with_other_workers, outputs)

        data, rows = per_replica(element, layout, self._strategy)
        outputs = self._strategy.run(_as_written(on_replica), args=(data,))
        outputs = keras.tree.map_structure(self._all_rows, outputs)
        return self._of_one_copy(outputs, rows) if layout.may_copy else outputs

    def _of_one_copy(self, outputs: Any, rows: Any) -> Any:
        replicas = self._strategy.num_replicas_in_sync

        def first_copy(output: Any) -> Any:
            here = tf.shape(output, tf.int64)[0]
            return output[: tf.where(rows < replicas, here // replicas, here)]

        return keras.tree.map_structure(first_copy, outputs)

    def _with_other_workers(self, output: Any) -> Any:
        output = output if output.shape.rank else tf.expand_dims(output, 0)
        if not is_multi_worker(self._strategy):
            return output
        return tf.distribute.get_replica_context().all_gather(output, axis=0)

    def _all_rows(self, output: Any) -> Any:
        parts = self._strategy.experimental_local_results(output)
        return parts[0] if is_multi_worker(self._strategy) else tf.concat(parts, axis=0)


def without_optionals(data: Any) -> Any:
    """Gives None for the Optionals that stand for None in batches of generators."""
    return keras.tree.map_structure(lambda leaf: leaf if row_share.is_batched(leaf) else None, data)


def _as_batch(data: Any, strategy: Any) -> ReplicaBatch:
    if isinstance(data, ReplicaBatch):
        return data
    return split_batch(data, strategy)


def _as_written(function: Callable[..., Any]) -> Callable[..., Any]:
    return tf.autograph.experimental.do_not_convert(function)


def _compiled(model: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    if model.run_eagerly:
        return function
    return tf.function(_as_written(function), reduce_retracing=True)
