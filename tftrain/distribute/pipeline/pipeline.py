"""A model in stages: where it is cut, on which device each part is, and its steps.

Example:
    strategy = tftrain.distribute.strategy("pipeline", stages=2)
    with strategy.scope():
        model = keras.Sequential([...])
        model.compile(...)  # cuts the model, and moves its variables
"""

from __future__ import annotations

from typing import Any

from tftrain.distribute.keras_bridge.row_share import count_rows
from tftrain.distribute.pipeline import (
    cutting,
    layer_graph,
    losses,
    orders,
    placement,
    refusals,
    stages,
)
from tftrain.distribute.pipeline.micro_batches import MicroBatches, too_small
from tftrain.distribute.pipeline.passes import Passes
from tftrain.distribute.pipeline.pipeline_strategy import PipelineStrategy
from tftrain.errors import StrategyError
from tftrain.keras_api import keras, tf
from tftrain.notices import notice


class Pipeline:
    """The stages of one model under one strategy.

    Args:
        model: A Functional or Sequential model, built in the strategy's scope.
        strategy: Of whose options the stages are made.

    Attributes:
        stages: In order.

    Raises:
        StrategyError: The model cannot be cut so.
    """

    def __init__(self, model: Any, strategy: PipelineStrategy) -> None:
        refusals.model(model)
        self.model, self.strategy = model, strategy
        graph = layer_graph.LayerGraph(model)
        parts = cutting.of(graph, len(strategy.devices), strategy.cut)
        self.functional = graph.functional
        self.stages = stages.of(parts, strategy.devices, self.functional.outputs)
        self.batch_size: int | None = None
        self._told = ""

    def require_trainable(self) -> None:
        """Checks that training in micro-batches equals training on one device.

        Raises:
            StrategyError: A layer or an option is against it.
        """
        refusals.training(self.model, self.strategy.micro_batches)

    def prepare_training(self) -> None:
        """Checks, when a training begins, that it can; says what each device holds.

        Raises:
            StrategyError: It cannot equal training on one device.
        """
        self.require_trainable()
        count = self.strategy.micro_batches
        if self.batch_size is not None and self.batch_size < count:
            raise StrategyError(too_small(count, self.batch_size))
        table = str(placement.of(self.stages, self.model.optimizer))
        if table != self._told:
            self._told = table
            notice(f"pipeline of {len(self.stages)} stages, {count} micro-batches\n{table}")

    def train_step(self, data: Any) -> Any:
        """One batch's forward and backward passes and the optimizer's step, in micro-batches.

        Returns:
            What Keras's `train_step` returns.
        """
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        model, optimizer = self.model, self.model.optimizer
        with self._last_device():
            batch = MicroBatches(x, self.strategy.micro_batches)
            loss, passes = self.differentiate(batch, x, (y, sample_weight))
            y_pred, _ = losses.Outputs(self.functional, batch).of(passes.values)
        note = model.__dict__.get("_tftrain_note_loss")
        if note is not None:
            note(loss)
        weights = model.trainable_weights
        optimizer.apply_gradients(
            [(passes.gradients.get(id(weight)), weight) for weight in weights]
        )
        return self._logs(x, y, y_pred, sample_weight, loss)

    def test_step(self, data: Any) -> Any:
        """One batch's loss and metrics."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with self._last_device():
            y_pred, batch = self._predict(x)
            outputs = losses.Outputs(self.functional, batch)
            loss = losses.BatchLoss(self.model, outputs, batch, (y, sample_weight)).value(y_pred)
            added = [losses.regularization(stage, None)[0] for stage in self.stages]
            loss = tf.add_n([loss, *(tf.cast(a, loss.dtype) for a in added if a is not None)])
        return self._logs(x, y, y_pred, sample_weight, loss)

    def predict_step(self, data: Any) -> Any:
        """One batch's outputs."""
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        with self._last_device():
            return self._predict(x)[0]

    def differentiate(
        self, batch: MicroBatches, x: Any, targets: tuple[Any, Any], clock: Any = None
    ) -> tuple[Any, Passes]:
        """A batch's loss, and the passes that hold outputs and gradients.

        Args:
            batch: How it is cut.
            x: Its inputs.
            targets: Its targets and sample weights.
            clock: Notes when passes begin and end, if given.
        """
        passes = self._passes(batch, x, True, clock)
        outputs = losses.Outputs(self.functional, batch)
        head = losses.BatchLoss(self.model, outputs, batch, targets)
        found = [self._add_regularization(passes, stage) for stage in self.stages]
        parts = [part for part in found if part is not None]
        last = len(self.stages) - 1

        def send_of_batch() -> None:
            loss, gradients = head.of_batch(passes.values)
            parts.append(loss)
            for m, gradient in enumerate(gradients):
                passes.send(m, gradient)

        def send_of_micro_batch(m: int) -> None:
            loss, gradient = head.of_micro_batch(m, passes.values[m])
            parts.append(loss)
            passes.send(m, gradient)

        for work in orders.of_all(self.strategy.order, last + 1, batch.count):
            if work.direction == orders.FORWARD:
                passes.forward(work)
            elif work.stage < last:
                passes.backward(work)
            elif self.strategy.order == "1f1b":
                passes.backward(work, lambda m=work.micro_batch: send_of_micro_batch(m))
            else:
                passes.backward(work, send_of_batch if work.micro_batch == 0 else None)
        return tf.add_n([tf.cast(part, parts[-1].dtype) for part in parts]), passes

    def _add_regularization(self, passes: Passes, stage: stages.Stage) -> Any | None:
        loss, weights, gradients = losses.regularization(stage, self.model.optimizer)
        passes.add(weights, gradients)
        return loss

    def _predict(self, x: Any) -> tuple[Any, MicroBatches]:
        # Where rows are known, they may be fewer than the micro-batches.
        rows_are_fixed = isinstance(count_rows(x), int)
        batch = MicroBatches(x, 1 if rows_are_fixed else self.strategy.micro_batches)
        passes = self._passes(batch, x, False)
        for m in range(batch.count):
            for stage in self.stages:
                passes.forward(orders.Work(stage.index, m, orders.FORWARD))
        return losses.Outputs(self.functional, batch).of(passes.values)[0], batch

    def _passes(self, batch: MicroBatches, x: Any, training: bool, clock: Any = None) -> Passes:
        flat = self.functional._standardize_inputs(x)
        keys = [id(tensor) for tensor in self.functional.inputs]
        values = [dict(zip(keys, cut, strict=True)) for cut in batch.of(flat)]
        begins = [batch.begin(m) for m in range(batch.count)]
        return Passes(self.stages, values, begins, training, clock)

    def _logs(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, loss: Any) -> Any:
        with self._last_device():
            self.model._loss_tracker.update_state(loss, sample_weight=count_rows(x))
            return self.model.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def _last_device(self) -> Any:
        return tf.device(self.stages[-1].device)


def adopt(model: Any, strategy: PipelineStrategy) -> Pipeline:
    """Cuts a model that was made in the strategy's scope, and moves its variables.

    It is cut once, and again where layers were added to it since.
    """
    known = model.__dict__.get("_tftrain_pipeline")
    if known is None or known.functional is not layer_graph.functional(model):
        # Past Keras's tracking, which would look into it.
        known = model.__dict__["_tftrain_pipeline"] = Pipeline(model, strategy)
    placement.move(known.stages, strategy)
    return known
