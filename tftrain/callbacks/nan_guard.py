"""Survive bad steps: leave them out, go back to the last good state, or stop and say where."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from tftrain.callbacks.bad_step_log import BadStepLog
from tftrain.callbacks.bad_steps import BadStep, BadStepNotes
from tftrain.callbacks.checkpoint import Checkpoint
from tftrain.callbacks.guarded_step import GuardedStep, StepInTrace
from tftrain.callbacks.learning_rate import check_settable
from tftrain.callbacks.loss_spikes import LossSpikes
from tftrain.callbacks.traced_callback import TracedCallback
from tftrain.distribute import keras_bridge
from tftrain.distribute.keras_bridge import fit_exit
from tftrain.distribute.local_sgd import is_local_sgd
from tftrain.distribute.parameter_server import is_parameter_server
from tftrain.errors import (
    BadInput,
    BadTrainingStep,
    CallbackError,
    CheckpointError,
    TooManyBadSteps,
    UnknownName,
)
from tftrain.keras_api import keras, tf

ACTIONS = ("skip", "roll_back", "stop")
_LOOK = 10  # batches of Keras's own loop: a look after each took as long as the whole check


class NanGuard(TracedCallback):
    """Keeps a step whose loss or gradient is not finite, or whose loss jumps, out of the model.

    The step is judged within the compiled program, on all replicas alike, before anything is
    updated. A bad one changes no variable: not weights, nor the optimizer's slots and counters,
    nor statistics of BatchNormalization, sums of metrics and states of random layers. The model
    is, bit by bit, what it would be had the batch not been in the data. The data go on;
    `optimizer.iterations`, which counts updates and drives schedules, gradient accumulation and
    the numbers of checkpoints, does not, as under Keras's own loss scaling.

    - `skip`: that is all.
    - `roll_back`: weights and optimizer also return to the newest checkpoint of the `Checkpoint`
      among the callbacks, and the learning rate is multiplied by `rate_factor`.
    - `stop`: training ends with an error.

    The last two come up to ten batches later, or at the end of the execution of an engine that
    takes many steps in one; meanwhile bad steps are left out and good ones are taken.

    Under float16 with loss scaling, a gradient that is not finite while the loss is, is a reason
    to lower the scale, which Keras does; it is a bad step only once the scale is below 1.

    Args:
        action: `skip`, `roll_back` or `stop`.
        spike: A loss above so many times the median of the last 32 is bad too; None for no bound.
            See callbacks/loss_spikes.py.
        at_most: Bad steps (with `roll_back`: returns) in the whole training; one more ends it.
        rate_factor: Between 0 and 1; 1 keeps the rate.
        path: A file for a line of JSON a bad step; None for none.

    Attributes:
        events: A `BadStep` each: step, epoch, batch, check, variable, value, bound, action.
        bad_steps: Their number; those beyond 64 in one execution are counted only.

    Raises:
        BadInput: An argument is out of range.
        UnknownName: There is no such action.
        CallbackError: When training begins: there is no `Checkpoint` to roll back to, the
            optimizer has a schedule and so no rate to lower, or replicas take steps of their own.
        BadTrainingStep: In training: as said.
        TooManyBadSteps: In training: more than `at_most`.

    Example:
        >>> NanGuard("roll_back", spike=5.0, at_most=3).action
        'roll_back'
    """

    def __init__(
        self,
        action: str = "skip",
        *,
        spike: float | None = None,
        at_most: int = 10,
        rate_factor: float = 0.5,
        path: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__()
        keras_bridge.install()  # for `on_fit_exit`
        check_action(action)
        if spike is not None and not 1 < spike < float("inf"):
            raise BadInput(f"spike is {spike}; expected a factor above 1, or None")
        if at_most < 0 or not 0 < rate_factor <= 1:
            raise BadInput(
                f"at_most is {at_most}, rate_factor {rate_factor}; expected 0 or more, and a "
                "factor above 0 and up to 1"
            )
        self.action, self.spike = action, spike
        self.at_most, self.rate_factor = at_most, rate_factor
        self._path = None if path is None else Path(path)
        self._step: GuardedStep | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Puts the guard into the step."""
        self._log = BadStepLog(self.model.distribute_strategy, self._path)
        self._open: list[BadStep] = []  # not acted upon yet
        self._epoch, self._batch, self._returns, self._can_return = 0, -1, 0, False
        super().on_train_begin(logs)

    @property
    def events(self) -> list[BadStep]:
        """The bad steps of the training."""
        return self._log.events

    @property
    def bad_steps(self) -> int:
        """Their number."""
        return self._log.bad_steps

    def put_in(self) -> None:
        """Wraps the model's step and the optimizer's update.

        Raises:
            CallbackError: It could not do here what it is for.
        """
        self._check()
        model = self.model
        with model.distribute_strategy.scope():
            if not model.optimizer.built:
                model.optimizer.build(model.trainable_variables)
            paths = [variable.path for variable in model.trainable_variables]
            self._notes = BadStepNotes(model.distribute_strategy, self.optimizer._iterations, paths)
            self._spikes = None if self.spike is None else LossSpikes(self.spike)
        self._step = GuardedStep(model, self._judge, self._note)

    def take_out(self) -> None:
        """Unwraps them."""
        if self._step is not None:
            self._step.take_out()
            self._step = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the epoch; the first one's beginning is a state to roll back to."""
        self._epoch, self._batch = epoch, -1
        self._log.begin_epoch()
        if self.action == "roll_back" and not self._can_return:
            checkpoint = self._checkpoint()
            checkpoint.on_epoch_begin(epoch)  # it comes after this one, and notes where it stands
            checkpoint.save_now()  # before the first of its own there would be no way back
        self._can_return = True

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Acts on the bad steps of the execution, or of the last few."""
        super().on_train_batch_end(batch, logs)
        several, self._batch = batch - self._batch > 1, batch
        if several or self._open or (batch + 1) % _LOOK == 0:
            self._act()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Acts on the last ones, and says how many there were that were not told."""
        self._act()
        self._log.end_epoch(epoch)

    def checkpoint_state(self) -> dict[str, Any]:
        """What a training that goes on must know."""
        self._look()
        return {
            **self._log.state(),
            "returns": self._returns,
            "losses": None if self._spikes is None else self._spikes.state,
        }

    def restore_checkpoint_state(self, state: dict[str, Any]) -> None:
        """Takes it back; the file then holds what was known at the checkpoint."""
        self._can_return = True
        self._log.restore(state)
        self._returns = state["returns"]
        if self._spikes is not None and state["losses"] is not None:
            self._spikes.state = state["losses"]

    def _check(self) -> None:
        strategy = self.model.distribute_strategy
        if is_parameter_server(strategy) or is_local_sgd(strategy):
            raise CallbackError(
                "NanGuard judges a step of all workers together, but they take steps of their own "
                f"under {type(strategy).__name__}: leave it out, or use the strategy 'multiworker'"
            )
        other = GuardedStep.of(self.model)
        if other is not None:
            if other.owner is not self and other.owner.params is self.params:
                raise CallbackError("two NanGuard callbacks would judge every step twice: keep one")
            other.take_out()  # of a `fit` that an error ended
        if self.action == "roll_back":
            self._checkpoint()
            check_settable(self.model.optimizer, "NanGuard('roll_back')")

    def _checkpoint(self) -> Any:
        for callback in fit_exit.callbacks_of(self.model):
            if isinstance(callback, Checkpoint):
                return callback
        raise CallbackError(
            "NanGuard('roll_back') goes back to checkpoints, but there is no "
            "tftrain.callbacks.Checkpoint among the callbacks: add one, or use 'skip'"
        )

    def _judge(self, step: StepInTrace) -> Any:
        self._traced = True
        self._notes.count()
        if step.loss is None and self._spikes is not None:
            raise CallbackError(
                "NanGuard cannot see the loss of a train_step that does not call compute_loss: "
                "call it there, or leave spike out"
            )
        good = tf.math.is_finite(self._sum(step))
        if self._spikes is not None:
            self._bound = self._spikes.bound()
            good = tf.logical_and(good, step.loss <= self._bound)
            self._spikes.take_in(step.loss, good)
        return good

    def _sum(self, step: StepInTrace) -> Any:
        """A number that is finite if all that must be is."""
        total = tf.reduce_sum(step.sums)
        if isinstance(self.model.optimizer, keras.optimizers.LossScaleOptimizer):
            scale = tf.convert_to_tensor(self.model.optimizer.dynamic_scale.value)
            total = tf.where(scale < 1, total, 0.0)
        return total if step.loss is None else total + step.loss

    def _note(self, step: StepInTrace) -> None:
        self._notes.note(step, np.inf if self._spikes is None else self._bound)

    def _look(self) -> None:
        """Takes in what the step has noted."""
        found, count = self._notes.look(self._epoch, self._batch, self.action)
        if count:
            self._open += found
            self._log.add(found, count, aloud=self.action != "stop")  # the error tells it

    def _act(self) -> None:
        self._look()
        found, self._open = self._open, []
        if not found:
            return
        if self.action == "stop":
            raise BadTrainingStep(found[0])
        if self.action == "roll_back":
            self._roll_back(found[-1])
        elif self.bad_steps > self.at_most:
            raise TooManyBadSteps(found[-1], self.at_most, "bad steps")

    def _roll_back(self, last: BadStep) -> None:
        if self._returns == self.at_most:
            raise TooManyBadSteps(last, self.at_most, "returns to a checkpoint")
        self._returns += 1
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        step = self._checkpoint().roll_back()
        if step is None:
            raise CheckpointError(
                "NanGuard('roll_back') finds no checkpoint any more: none could be written, or "
                "its folder was emptied"
            )
        self.model.optimizer.learning_rate = rate * self.rate_factor
        self._log.say(
            f"back to step {step}; the learning rate is now {rate * self.rate_factor:.6g}"
        )


def check_action(name: str) -> None:
    """Raises UnknownName if `NanGuard` knows no such action."""
    if name not in ACTIONS:
        raise UnknownName("action", name, ACTIONS)
