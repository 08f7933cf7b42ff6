"""Weights of tasks that are learned with the model, from homoscedastic uncertainty.

Each task t has a log variance s_t, a trainable number. With l_ti the loss of example i at task t
and w_ti its sample weight (0 where there is no label), a batch of B examples costs

    sum over t of 1/B sum over i of w_ti (exp(-s_t) l_ti + s_t)

which, the model given, is least where s_t is the logarithm of the mean loss over the examples that
have the task's label: a task's weight exp(-s_t) ends at one over its loss. Being a sum over
examples it is the same for a batch that is divided between replicas, and a batch without any label
of a task leaves that task's weight alone.

Reference: Kendall, Gal and Cipolla, *Multi-Task Learning Using Uncertainty to Weigh Losses for
Scene Geometry and Semantics*, CVPR 2018. For squared errors this is twice their likelihood, with
s = log sigma^2; for classes they have s/2 in place of s, and weights half as large as here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tftrain.keras_api import keras


@keras.saving.register_keras_serializable("tftrain")
class AtLeast(keras.constraints.Constraint):
    """Raises to `low` what is below it."""

    def __init__(self, low: float) -> None:
        self.low = low

    def __call__(self, value: Any) -> Any:
        """The value, no entry below `low`."""
        return keras.ops.maximum(value, self.low)

    def get_config(self) -> dict[str, Any]:
        """What makes the same constraint again."""
        return {"low": self.low}


class TaskWeight(keras.metrics.Metric):
    """Shows the weight of a task among the metrics; it is no mean over batches.

    Args:
        weights: Of all tasks.
        task: Which one.
    """

    def __init__(self, weights: TaskWeights, task: str) -> None:
        super().__init__(name=f"{task}_weight", dtype="float32")
        self._weight = lambda: keras.ops.exp(-weights.log_variance(task))

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing: the optimizer does."""

    def result(self) -> Any:
        """exp(-s), a float32 scalar."""
        return self._weight()


class TaskWeights(keras.layers.Layer):
    """The log variances of tasks, float32 `[T]`, from 0: every weight begins at 1.

    Args:
        tasks: Names of the T tasks.
        largest: No weight gets above this one, however small its task's loss.
        **options: Those of every Keras layer.
    """

    def __init__(self, tasks: Sequence[str], largest: float, **options: Any) -> None:
        super().__init__(dtype="float32", **options)
        self.tasks = tuple(tasks)
        self.log_variances = self.add_weight(
            shape=(len(self.tasks),),
            initializer="zeros",
            constraint=AtLeast(-math.log(largest)),
            name="log_variances",
        )
        self.shown = [TaskWeight(self, task) for task in self.tasks]
        self.built = True

    def log_variance(self, task: str) -> Any:
        """s of a task, a float32 scalar."""
        return self.log_variances[self.tasks.index(task)]


class WeightedLoss(keras.losses.Loss):
    """What a task's weight changes of its loss: (exp(-s) - 1) l + s for each example.

    Sample weights, masks and the mean are taken as by the loss itself.

    Args:
        loss: The task's.
        log_variance: Gives s.
    """

    def __init__(self, loss: keras.losses.Loss, log_variance: Any) -> None:
        super().__init__(name=loss.name, reduction=loss.reduction, dtype=loss.dtype)
        self._loss, self._log_variance = loss, log_variance

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The change, shaped as the loss of each example."""
        losses = self._loss.call(y_true, y_pred)
        s = keras.ops.cast(self._log_variance(), losses.dtype)
        change = (keras.ops.exp(-s) - 1) * losses + s
        mask = getattr(losses, "_keras_mask", None)  # of `ignore_class`
        if mask is not None:
            change._keras_mask = mask
        return change
