"""Stochastic weight averaging: end with the mean of the weights at the last epochs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tftrain.errors import BadInput, CallbackError
from tftrain.keras_api import keras
from tftrain.optim.averaging import WeightMean, has_batch_statistics, update_batch_statistics


class WeightAveraging(keras.callbacks.Callback):
    """Puts the mean of the weights at the ends of epochs in their place when `fit` ends.

    A constant or cyclic learning rate, rather high, lets the epochs' weights differ enough for
    their mean to be better than each. For the exponential average use
    `optim.optimizer(name, ema=0.999)`.

    Args:
        start: The first epoch whose end counts, from 0.
        every: Epochs between those that count.
        batches: Inputs `[B, ...]` of the training data, to gather the statistics of
            BatchNormalization with the mean weights; needed if the model has such layers.

    Raises:
        BadInput: `start` or `every` is out of range.
        CallbackError: The training is too short, averages exponentially too, or batches are
            needed.

    Reference: Izmailov et al., *Averaging Weights Leads to Wider Optima and Better
    Generalization*, 2018.
    """

    def __init__(self, start: int, *, every: int = 1, batches: Iterable[Any] | None = None) -> None:
        super().__init__()
        if start < 0 or every < 1:
            raise BadInput(f"start is {start}, every is {every}; expected at least 0 and 1")
        self._start, self._every, self._batches = start, every, batches

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Checks what can be known, and begins a new mean."""
        self._mean = WeightMean()
        epochs = self.params["epochs"]
        if epochs <= self._start:
            raise CallbackError(
                f"WeightAveraging starts at epoch {self._start}, but the training ends after "
                f"{epochs}: start earlier"
            )
        inner = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        if inner.use_ema:
            raise CallbackError("the optimizer averages weights too (use_ema): keep one of them")
        if self._batches is None and has_batch_statistics(self.model):
            raise CallbackError(
                "the model has BatchNormalization, whose statistics do not fit mean weights: give "
                "WeightAveraging batches=, inputs of the training data"
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes the weights in."""
        if epoch >= self._start and (epoch - self._start) % self._every == 0:
            self._mean.add(self.model)

    def checkpoint_state(self) -> dict[str, Any]:
        """The mean so far."""
        return {"count": self._mean.count, "means": self._mean.means}

    def restore_checkpoint_state(self, state: dict[str, Any]) -> None:
        """Goes on with a mean."""
        self._mean = WeightMean(state["count"], state["means"])

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Puts the mean in place of the weights, unless the training ended before any counted."""
        if not self._mean.count:
            return
        self._mean.assign_to(self.model)
        if self._batches is not None:
            update_batch_statistics(self.model, self._batches)
