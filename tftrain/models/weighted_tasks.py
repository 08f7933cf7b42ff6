"""A Functional model that learns how much each of its tasks counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tftrain.errors import BadInput
from tftrain.keras_api import keras
from tftrain.models.task_weights import TaskWeights, WeightedLoss


@keras.saving.register_keras_serializable("tftrain")
class WeightedTasks(keras.Model):
    """A Functional model whose total loss weighs its tasks by their uncertainty.

    All else is Keras's: `compile` takes the losses by task, each task's loss is shown unweighted,
    its weight beside it as `NAME_weight`. Files hold the weights as they hold other variables.

    Args:
        *args: Inputs and outputs of the graph, the latter a dict by task.
        largest_weight: No task's weight gets above this one, at least 1.
        **kwargs: Those of every Keras model.

    Attributes:
        weighting: The layer that holds the log variances, `weighting.log_variances`.
    """

    # Of such arguments every version of Keras knows that they are those of a Functional model.
    def __init__(self, *args: Any, largest_weight: float = 100.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.largest_weight = largest_weight
        self.weighting = TaskWeights(list(self.output), largest_weight, name="task_weights")
        if self.weighting not in self._layers:  # Keras 3.12 knows the graph's layers alone
            self._layers.append(self.weighting)

    def task_weights(self) -> dict[str, float]:
        """What each task's loss is multiplied by, by task."""
        logs = keras.ops.convert_to_numpy(self.weighting.log_variances)
        weights = keras.ops.convert_to_numpy(keras.ops.exp(-logs))
        return dict(zip(self.weighting.tasks, map(float, weights), strict=True))

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The total of a batch: Keras's, and what the weights change of it.

        Raises:
            BadInput: Labels or losses are not given by task, or there are fixed weights too.
        """
        losses = self._losses_by_task(y)
        total = super().compute_loss(x, y, y_pred, sample_weight, training)
        for task, loss in losses.items():
            one = sample_weight[task] if isinstance(sample_weight, Mapping) else sample_weight
            total += loss(y[task], y_pred[task], one)
        return total

    def get_config(self) -> dict[str, Any]:
        """What makes the same graph again."""
        return {**super().get_config(), "largest_weight": self.largest_weight}

    def _losses_by_task(self, y: Any) -> dict[str, WeightedLoss]:
        tasks = self.weighting.tasks
        if self._compile_loss is None or self._compile_loss._user_loss_weights is not None:
            raise BadInput(
                "the tasks' weights are learned: compile with a loss and without loss_weights, "
                "or make the model with weights=None for weights of your own"
            )
        given = self.loss if isinstance(self.loss, Mapping) else dict.fromkeys(tasks, self.loss)
        for what, found in (("losses", given), ("labels", y)):
            if not isinstance(found, Mapping) or set(found) != set(tasks):
                received = sorted(found) if isinstance(found, Mapping) else type(found).__name__
                raise BadInput(f"{what}: received {received}, expected a dict of {sorted(tasks)}")
        return {task: self._weighted(task, given[task]) for task in tasks}

    def _weighted(self, task: str, loss: Any) -> WeightedLoss:
        loss = keras.losses.get(loss)
        if not isinstance(loss, keras.losses.Loss):
            loss = keras.src.losses.losses.LossFunctionWrapper(loss)
        return WeightedLoss(loss, lambda: self.weighting.log_variance(task))
