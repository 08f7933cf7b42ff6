"""A training step that can be undone: where it is found bad, no variable keeps a trace of it.

The optimizer's update is put into a condition, because its variables are as large as the weights,
and a copy of them would cost more than the whole check. What the forward pass and the metrics
write (moving statistics, sums, seeds) is read before the step and put back, which costs nothing
while the step is good: TensorFlow reads a variable without copying it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from tftrain.distribute.keras_bridge import row_share
from tftrain.distribute.keras_bridge.gradient_aggregation import gradients_summed, sum_gradients
from tftrain.distribute.keras_bridge.replication import replica_context, sum_over_replicas
from tftrain.errors import CallbackError
from tftrain.keras_api import keras, tf


class StepInTrace:
    """What is known of the step that is being traced, in one replica.

    Attributes:
        losses: Those that the step computed, of the replica's own rows.
        loss: Their sum, of the global batch; None if the step computes its loss by itself.
        variables: Those that the gradients are of.
        sums: The sum of each gradient's entries, float32 `[variables]`: finite if they all are.
        good: Whether the step counts, a bool scalar; None until the optimizer is called.
    """

    def __init__(self) -> None:
        self.losses: list[Any] = []
        self.loss: Any = None
        self.variables: list[Any] = []
        self.sums: Any = None
        self.good: Any = None


class GuardedStep:
    """What is put into a model and its optimizer so that bad steps leave nothing behind.

    Args:
        model: Compiled, with its optimizer built.
        judge: Gives whether a step counts, a bool scalar, the same in every replica.
        note: Called in the branch of a step that does not count, with all that is known of it.
    """

    def __init__(
        self,
        model: Any,
        judge: Callable[[StepInTrace], Any],
        note: Callable[[StepInTrace], None],
    ) -> None:
        self._model, self._optimizer = model, model.optimizer
        self._inner = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        self._judge, self._note = judge, note
        self._local = threading.local()  # each replica is traced in a thread of its own
        self._train_step, self._compute_loss = model.train_step, model.compute_loss
        self._apply = model.optimizer.apply
        # Instance attributes hide the methods; past Keras's tracking, which would look into them.
        model.__dict__["train_step"] = self.train_step
        model.__dict__["compute_loss"] = self.compute_loss
        model.__dict__["_tftrain_note_loss"] = self.note_loss
        model.optimizer.__dict__["apply"] = self.apply

    @staticmethod
    def of(model: Any) -> GuardedStep | None:
        """What is in a model, if anything."""
        owner = getattr(model.__dict__.get("train_step"), "__self__", None)
        return owner if isinstance(owner, GuardedStep) else None

    @property
    def owner(self) -> Any:
        """The callback whose method judges."""
        return self._judge.__self__

    def take_out(self) -> None:
        """Leaves model and optimizer as they were."""
        for owner, name in (
            (self._model, "train_step"),
            (self._model, "compute_loss"),
            (self._model, "_tftrain_note_loss"),
            (self._optimizer, "apply"),
        ):
            owner.__dict__.pop(name, None)

    def train_step(self, data: Any) -> Any:
        """The model's step, in a replica."""
        step = self._local.step = StepInTrace()
        kept = self._written_by_step()
        before = [tf.convert_to_tensor(variable.value) for variable in kept]
        try:
            logs = self._train_step(data)
        finally:
            self._local.step = None
        if step.good is None:
            return logs
        self._undo(step, kept, before)
        return self._model.get_metrics_result() if self._logs_are_metrics() else logs

    def _undo(self, step: StepInTrace, kept: list[Any], before: list[Any]) -> None:
        """Puts back what a bad step has written, and notes it."""
        if _is_for_xla():
            _select(step.good, kept, before)
            tf.cond(step.good, lambda: None, lambda: self._note(step))
            return

        def undo() -> None:
            for variable, value in zip(kept, before, strict=True):
                variable.assign(value)
            self._note(step)

        tf.cond(step.good, lambda: None, undo)

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        """The model's loss, which is noted."""
        loss = self._compute_loss(*args, **kwargs)
        if loss is not None:
            self.note_loss(loss)
        return loss

    def note_loss(self, loss: Any) -> None:
        """Notes a loss of the step; called where a step computes it past `compute_loss`."""
        step = getattr(self._local, "step", None)
        if step is not None:
            step.losses.append(loss)

    def apply(self, grads: Sequence[Any], trainable_variables: Any = None) -> None:
        """The optimizer's update, if the step counts; in a replica."""
        step = getattr(self._local, "step", None)
        if step is None:
            self._apply(grads, trainable_variables)
            return
        if step.good is not None:
            raise CallbackError(
                "NanGuard cannot undo a step that updates twice: call optimizer.apply once in "
                "train_step, or leave the guard out"
            )
        variables = trainable_variables or self._inner._trainable_variables
        grads = self._over_replicas(step, list(grads), list(variables))
        present = [(v, g) for v, g in zip(variables, grads, strict=True) if g is not None]
        step.variables = [variable for variable, _ in present]
        step.sums = tf.stack([_sum(gradient) for _, gradient in present])
        step.good = self._judge(step)
        tapped = "_tftrain_taps" in self._inner.__dict__  # taps have variables of their own
        if _is_for_xla() and replica_context() is None and not tapped:
            self._apply_and_select(step.good, grads, list(variables))
        else:
            tf.distribute.get_replica_context().merge_call(
                self._apply_if, args=(step.good, grads, list(variables))
            )

    def _apply_and_select(self, good: Any, grads: list[Any], variables: list[Any]) -> None:
        """XLA makes the choice part of the update's own loops; a condition would cut them."""
        written = [*variables, *self._optimizer.variables]
        before = [tf.convert_to_tensor(variable.value) for variable in written]
        self._apply(grads, variables)
        _select(good, written, before)

    def _over_replicas(self, step: StepInTrace, grads: list[Any], variables: list[Any]) -> Any:
        """The gradients of the whole step; its loss is noted."""
        if step.losses:
            step.loss = tf.add_n([tf.cast(loss, tf.float32) for loss in step.losses])
        if replica_context() is None:
            return grads
        share = row_share.current()
        if step.loss is not None and share is not None:
            (step.loss,) = sum_over_replicas([share.weigh(step.loss)])
        scale = getattr(self._optimizer, "dynamic_scale", None)
        return sum_gradients(self._inner, grads, variables, scale=scale)

    def _apply_if(self, strategy: Any, good: Any, grads: list[Any], variables: list[Any]) -> None:
        """Takes the condition once for all replicas: the update may merge them again."""

        def apply() -> None:
            with gradients_summed(self._inner):
                strategy.extended.call_for_each_replica(self._apply, args=(grads, variables))

        tf.cond(strategy.experimental_local_results(good)[0], apply, lambda: None)

    def _written_by_step(self) -> list[Any]:
        """Variables that a step may write past the optimizer."""
        codec = getattr(self._inner, "gradient_compression", None)
        written = [
            *self._model.non_trainable_variables,
            *self._model.metrics_variables,
            *(codec.variables if codec is not None and codec.active else []),
        ]
        return list({id(variable): variable for variable in written}.values())

    def _logs_are_metrics(self) -> bool:
        """Whether the step returns the metrics' results, which are to be those put back."""
        kind = type(self._model)
        names = ("train_step", "compute_metrics", "get_metrics_result")
        return all(getattr(kind, name) is getattr(keras.Model, name) for name in names)


def _is_for_xla() -> bool:
    """Whether what is traced now will be compiled by XLA."""
    from tensorflow.python.ops import control_flow_util

    return control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


def _select(good: Any, variables: Sequence[Any], before: Sequence[Any]) -> None:
    for variable, value in zip(variables, before, strict=True):
        variable.assign(tf.where(good, tf.convert_to_tensor(variable.value), value))


def _sum(gradient: Any) -> Any:
    """The sum of all entries, float32; not finite if one of them is not."""
    values = gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient
    if values.dtype == tf.float16:
        values = tf.cast(values, tf.float32)  # it would overflow
    return tf.cast(tf.reduce_sum(values), tf.float32)
