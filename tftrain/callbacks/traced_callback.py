"""The base of callbacks that act within the compiled training step."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

from tftrain.distribute import aggregates_gradients
from tftrain.errors import CallbackError
from tftrain.keras_api import keras, tf


class TracedCallback(keras.callbacks.Callback, abc.ABC):
    """A callback that puts something into the step when `fit` begins and takes it out at its end.

    The step is traced anew both times.
    """

    needs_every_batch = False

    def __init__(self) -> None:
        super().__init__()
        self._traced = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Puts it in.

        Raises:
            CallbackError: The gradient cannot be had here.
        """
        self.optimizer = single_optimizer(self.model, type(self).__name__)
        self._traced = False
        self.put_in()
        self.model.make_train_function(force=True)  # one from before would not have it

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Makes sure that it is in the step.

        Raises:
            CallbackError: It is not.
        """
        if not self._traced:
            raise CallbackError(
                f"{type(self).__name__} has no effect: the training step was traced before the "
                "callback could act, or does not call optimizer.apply; add the callback before "
                "the first step, to fit"
            )

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Leaves optimizer and model as they were."""
        self.take_out()
        self.model.train_function = None

    def on_fit_exit(self) -> None:
        """Leaves them as they were also where an error ended the training."""
        if hasattr(self, "optimizer"):
            self.take_out()
            self.model.train_function = None

    @abc.abstractmethod
    def put_in(self) -> None:
        """Changes the optimizer, `self.optimizer`, or the model."""

    @abc.abstractmethod
    def take_out(self) -> None:
        """Leaves them as they were; calling it again changes nothing."""


def single_optimizer(model: Any, callback: str) -> Any:
    """The optimizer whose gradient is the one of the whole step.

    Raises:
        CallbackError: There is none.
    """
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if not isinstance(optimizer, keras.optimizers.Optimizer) or hasattr(optimizer, "optimizers"):
        raise CallbackError(
            f"{callback} needs one Keras optimizer, but the model has "
            f"{type(optimizer).__name__}: clip in the optimizers it is made of"
        )
    strategy = model.distribute_strategy
    if not aggregates_gradients(strategy):
        raise CallbackError(
            f"{callback} would see the gradient of each replica by itself under "
            f"{type(strategy).__name__}: make the strategy by tftrain.distribute.strategy "
            "(on TPUs the whole gradient cannot be had)"
        )
    return optimizer


def state_variable(shape: Sequence[int], dtype: str = "float32") -> Any:
    """Zeros to measure into from a step; every replica writes the same, and one copy is read."""
    return tf.Variable(
        tf.zeros(shape, dtype),
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )
