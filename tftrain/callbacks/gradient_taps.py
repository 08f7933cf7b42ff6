"""Functions between the gradient and the step: they see it last, and may change it.

Keras's optimizer clips at one place: after it has summed over replicas (with tftrain's repairs),
taken the mean of accumulated batches and divided by the loss scale. The taps sit there.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any

from tftrain.callbacks.traced_callback import TracedCallback

Tap = Callable[[list[Any], list[Any]], list[Any]]  # a method of a GradientCallback


class GradientTaps:
    """What is put into an optimizer in order to tap its gradient."""

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = optimizer
        self._taps: list[Tap] = []
        self._variables: list[Any] = []
        # Instance attributes hide the methods; past Keras's tracking, which would look into them.
        optimizer.__dict__.update(
            _tftrain_taps=self, _backend_apply_gradients=self._apply, _clip_gradients=self._clip
        )

    @classmethod
    def of(cls, optimizer: Any) -> GradientTaps:
        """Those of an optimizer, put there if need be."""
        return optimizer.__dict__.get("_tftrain_taps") or cls(optimizer)

    def add(self, tap: Tap) -> None:
        """Lets `tap(gradients, variables)` give the gradients, after those added before."""
        self._taps.append(tap)

    def remove(self, tap: Tap) -> None:
        """Takes a tap out; the last one leaves the optimizer as Keras made it."""
        if tap in self._taps:
            self._taps.remove(tap)
        if not self._taps:
            for name in ("_tftrain_taps", "_backend_apply_gradients", "_clip_gradients"):
                self._optimizer.__dict__.pop(name, None)

    def owners(self) -> list[GradientCallback]:
        """The callbacks that tap."""
        return [tap.__self__ for tap in self._taps]

    def keep_only(self, owners: Sequence[GradientCallback]) -> None:
        """Takes out what a `fit` that an error ended has left behind."""
        self._taps = [tap for tap in self._taps if tap.__self__ in owners]

    def _apply(self, gradients: Sequence[Any], variables: Sequence[Any]) -> None:
        self._variables = list(variables)  # the same in every replica's thread
        type(self._optimizer)._backend_apply_gradients(self._optimizer, gradients, variables)

    def _clip(self, gradients: Sequence[Any]) -> list[Any]:
        gradients = list(gradients)
        for tap in self._taps:
            gradients = tap(gradients, self._variables)
        return type(self._optimizer)._clip_gradients(self._optimizer, gradients)


class GradientCallback(TracedCallback):
    """A callback that taps the gradient; the base of those that clip and measure it."""

    def put_in(self) -> None:
        """Taps the optimizer."""
        taps = GradientTaps.of(self.optimizer)
        # Keras gives the callbacks of one fit the same parameters, one object.
        others = [each for each in taps.owners() if each.params is self.params and each != self]
        taps.keep_only(others)
        self.check(self.optimizer, others)
        with self.model.distribute_strategy.scope():
            self.make_state(self._variables())
        taps.add(self._tap)

    def take_out(self) -> None:
        """Takes the tap out."""
        GradientTaps.of(self.optimizer).remove(self._tap)

    def check(self, optimizer: Any, others: Sequence[GradientCallback]) -> None:
        """Raises CallbackError if the callback contradicts the optimizer or another callback."""

    def make_state(self, variables: Sequence[Any]) -> None:
        """Makes the variables, each by `state_variable`, to measure into."""

    def _variables(self) -> list[Any]:
        """Those that may be trained in this `fit`, also layers that are frozen at its beginning."""
        of = self.optimizer
        return list(of._trainable_variables if of.built else self.model.trainable_variables)

    @abc.abstractmethod
    def tap(self, gradients: list[Any], variables: list[Any]) -> list[Any]:
        """Called where the step is traced; gives the gradients to go on with."""

    def _tap(self, gradients: list[Any], variables: list[Any]) -> list[Any]:
        self._traced = True
        return self.tap(gradients, variables)
