"""Change the learning rate while `fit` runs: along a schedule, or when progress stops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tftrain.errors import BadInput, CallbackError
from tftrain.keras_api import keras


class LearningRateDecay(keras.callbacks.Callback):
    """Sets the optimizer's learning rate from a schedule.

    A schedule given to the optimizer itself does the same inside the step; this one acts on any
    compiled model, a loaded one for instance, and per epoch. It logs `learning_rate` at the end of
    each epoch. A resumed training goes on where the schedule was: steps are the optimizer's own
    count, epochs are those of `fit`.

    Args:
        schedule: A Keras schedule, such as `optim.schedule` makes, or a function of the number of
            steps or epochs done that gives the rate.
        per: `step` or `epoch`: what the schedule counts. A step is a batch.

    Raises:
        BadInput: `per` is neither.
        CallbackError: When training begins: the optimizer has a schedule, or `per` is `step`
            and Keras runs several steps an execution, between which no callback can act.

    Example:
        >>> LearningRateDecay(lambda epoch: 0.1 * 0.9**epoch, per="epoch").rate(2)
        0.081...
    """

    def __init__(self, schedule: Callable[[int], Any], *, per: str = "step") -> None:
        super().__init__()
        if per not in ("step", "epoch"):
            raise BadInput(f"per is {per!r}; expected 'step' or 'epoch'")
        self._schedule = schedule
        self._per = per

    @staticmethod
    def on_plateau(
        monitor: str = "val_loss", *, factor: float = 0.5, patience: int = 5, **options: Any
    ) -> PlateauDecay:
        """A callback that lowers the rate when a metric has stopped getting better.

        Args:
            monitor: The metric's name in the logs.
            factor: What the rate is multiplied by, between 0 and 1.
            patience: Epochs without progress before that.
            **options: Others of `keras.callbacks.ReduceLROnPlateau`: `min_lr`, `cooldown`, ...
        """
        return PlateauDecay(monitor, factor=factor, patience=patience, **options)

    @property
    def needs_every_batch(self) -> bool:
        """Whether the rate changes from step to step."""
        return self._per == "step"

    def rate(self, count: int) -> float:
        """The learning rate after `count` steps or epochs.

        Raises:
            BadInput: The schedule gives something that no learning rate can be.
        """
        rate = float(keras.ops.convert_to_numpy(self._schedule(count)))
        if not 0 <= rate < float("inf"):
            raise BadInput(f"the schedule gives {rate} after {count} {self._per}s")
        return rate

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Makes sure that the rate can be set."""
        check_settable(self.model.optimizer, "LearningRateDecay")
        several = self.model.steps_per_execution
        if self._per == "step" and several > 1:
            raise CallbackError(
                f"LearningRateDecay(per='step') cannot act within steps_per_execution={several}: "
                "give the schedule to the optimizer, or use per='epoch'"
            )

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Sets the rate of the epoch."""
        if self._per == "epoch":
            self.model.optimizer.learning_rate = self.rate(epoch)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Sets the rate of the step."""
        if self._per == "step":
            optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
            steps = int(keras.ops.convert_to_numpy(optimizer._iterations))
            self.model.optimizer.learning_rate = self.rate(steps)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Logs the rate last used."""
        if logs is not None:
            rate = keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
            logs["learning_rate"] = float(rate)


class PlateauDecay(keras.callbacks.ReduceLROnPlateau):
    """Keras's callback, that says at once what would stop it later, or silently.

    What it remembers (the best value, the epochs without progress) begins anew with each `fit`.

    Raises:
        BadInput: `factor` is not between 0 and 1, or `patience` below 1.
        CallbackError: The optimizer has a schedule, or there is no such metric.
    """

    def __init__(self, monitor: str, *, factor: float, patience: int, **options: Any) -> None:
        if not 0 < factor < 1:
            raise BadInput(f"factor is {factor}; expected between 0 and 1")
        if patience < 1:
            raise BadInput(f"patience is {patience}; expected 1 or more epochs")
        super().__init__(monitor, factor=factor, patience=patience, **options)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Makes sure that the rate can be set."""
        check_settable(self.model.optimizer, "LearningRateDecay.on_plateau")
        super().on_train_begin(logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Lowers the rate, if there is reason to."""
        if self.monitor not in (logs or {}):
            raise CallbackError(
                f"on_plateau monitors {self.monitor!r}, but there is only "
                f"{', '.join(logs or ['nothing'])}: give validation_data, or another monitor"
            )
        super().on_epoch_end(epoch, logs)


def check_settable(optimizer: Any, callback: str) -> None:
    """Raises CallbackError if the optimizer follows a schedule."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    rate = inner._learning_rate
    if not isinstance(rate, keras.Variable):
        raise CallbackError(
            f"{callback} sets the learning rate, but the optimizer follows a schedule "
            f"({type(rate).__name__}): compile with a number, or leave the callback out"
        )
