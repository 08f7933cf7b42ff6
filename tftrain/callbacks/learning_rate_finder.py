"""Find a learning rate by raising it until the loss diverges."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from tftrain.callbacks.learning_rate import check_settable
from tftrain.errors import BadInput, CallbackError, TftrainError
from tftrain.keras_api import keras


@dataclasses.dataclass(frozen=True)
class RateSearch:
    """What was tried.

    Attributes:
        rates: Learning rates, rising.
        losses: The loss of the batch before the step at each rate, smoothed.
        suggestion: A tenth of the rate at the smallest loss.
    """

    rates: np.ndarray
    losses: np.ndarray
    suggestion: float


class LearningRateFinder(keras.callbacks.Callback):
    """Raises the rate by the same factor at every step, and leaves the model as it was.

    After `fit` the answer is in `result()`. The search ends when the smoothed loss is four times
    its smallest value, is no number, or `highest` is reached; `fit` should have at least `steps`
    steps to do. Weights, optimizer and random state are put back.

    Args:
        steps: Steps from the lowest to the highest rate, at least 10.
        lowest: Positive.
        highest: Greater.
        smoothing: Share of the running mean kept at each step, in [0, 1).

    Raises:
        BadInput: A number is out of range.
        CallbackError: When training begins: the optimizer follows a schedule, or Keras runs
            several steps an execution.

    Reference: Smith, *Cyclical Learning Rates for Training Neural Networks*, 2017, section 3.3;
    the exponential rise and the tenth are later practice.
    """

    def __init__(
        self,
        steps: int = 100,
        *,
        lowest: float = 1e-6,
        highest: float = 10.0,
        smoothing: float = 0.9,
    ) -> None:
        super().__init__()
        if steps < 10 or not 0 < lowest < highest < math.inf or not 0 <= smoothing < 1:
            raise BadInput(
                f"steps={steps}, lowest={lowest}, highest={highest}, smoothing={smoothing}; "
                "expected 10 steps or more, 0 < lowest < highest, smoothing in [0, 1)"
            )
        self._all_rates = np.geomspace(lowest, highest, steps)
        self._smoothing = smoothing

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keeps the state to put back."""
        check_settable(self.model.optimizer, "LearningRateFinder")
        if self.model.steps_per_execution > 1:
            raise CallbackError(
                f"LearningRateFinder needs steps_per_execution=1; compiled with "
                f"{self.model.steps_per_execution}"
            )
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        self._kept = [(v, v.numpy()) for v in self._state()]
        self._losses: list[float] = []
        self._mean, self._best = 0.0, math.inf

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Sets the next rate; metrics begin anew, so that the loss is that of one batch."""
        self.model.reset_metrics()
        self.model.optimizer.learning_rate = float(self._all_rates[len(self._losses)])

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the loss, and ends the search when it diverges."""
        loss = float(logs["loss"])
        done = len(self._losses) + 1
        self._mean = self._smoothing * self._mean + (1 - self._smoothing) * loss
        smooth = self._mean / (1 - self._smoothing**done)
        self._losses.append(smooth)
        if not math.isfinite(smooth) or smooth > 4 * self._best or done == len(self._all_rates):
            self.model.stop_training = True
        self._best = min(self._best, smooth)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Puts everything back."""
        for variable, value in self._kept:
            variable.assign(value)

    def result(self) -> RateSearch:
        """What was found.

        Raises:
            TftrainError: The loss never fell.
        """
        losses = np.array(self._losses)
        losses = losses[np.isfinite(losses)]
        rates = self._all_rates[: len(losses)]
        if not len(losses) or losses.min() > 0.99 * losses[0]:
            raise TftrainError(
                f"the loss did not fall at any rate from {self._all_rates[0]:g} to "
                f"{self._all_rates[-1]:g}: check the model and the data, or begin with a lower rate"
            )
        return RateSearch(rates, losses, float(rates[losses.argmin()]) / 10)

    def _state(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]
