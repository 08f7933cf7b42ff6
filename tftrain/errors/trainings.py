"""Errors of a training itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tftrain.errors.base import BadInput, ConfigError, TftrainError


class CallbackError(BadInput):
    """A callback cannot be used with this optimizer or strategy, or would have no effect."""


class EngineError(BadInput):
    """The engine asked for cannot run this `fit`."""


class FineTuningError(ConfigError):
    """A model cannot be fine-tuned as asked for."""


class EvaluationError(ConfigError):
    """What is to be judged or compared does not allow it."""


class NotFiniteGradient(TftrainError):
    """A gradient holds NaN or an infinite number.

    Attributes:
        variables: Paths of the variables concerned.
        step: The step of the training, counted from 1, at which it was first seen.
    """

    def __init__(self, variables: Iterable[str], step: int) -> None:
        self.variables, self.step = tuple(variables), step
        others = len(self.variables) - 1
        more = f" and of {others} other variable{'s' * (others > 1)}" if others else ""
        super().__init__(
            f"the gradient of {self.variables[-1]!r}{more} is not finite at step {step}: lower the "
            "learning rate, clip the gradient, or look for a division or logarithm of zero in "
            "the loss"
        )


class NotFiniteWeights(TftrainError):
    """Training has left NaN or infinite weights.

    Attributes:
        layers: Names of the layers concerned.
    """

    def __init__(self, layers: Iterable[str]) -> None:
        self.layers = tuple(layers)
        super().__init__(
            f"the training has diverged: weights of {', '.join(self.layers)} are not finite; lower "
            "the learning rate (learning_rate=), and look for NaN in the data"
        )


class BadTrainingStep(TftrainError):
    """A step of the training is bad, and nothing was updated by it.

    Attributes:
        step: The update that it would have been, from 1.
        epoch: From 1.
        batch: Which of the epoch, from 0.
        variable: The first one whose gradient is not finite, or None.
    """

    def __init__(self, event: Any, remedy: str = "") -> None:
        self.step, self.epoch, self.batch = event.step, event.epoch, event.batch
        self.variable: str | None = event.variable
        remedy = remedy or (
            "look at that batch, lower the learning rate or clip the gradient; NanGuard('skip') "
            "would go on without it"
        )
        super().__init__(f"{event}: {remedy}")


class TooManyBadSteps(BadTrainingStep):
    """A training goes on having bad steps; the last one is told."""

    def __init__(self, event: Any, at_most: int, what: str) -> None:
        super().__init__(
            event,
            f"that is one more than the {at_most} {what} allowed (at_most): look for NaN in the "
            "data, lower the learning rate or clip the gradient",
        )


class Preempted(TftrainError):
    """A signal told the process to end soon; what was learned until then is saved.

    Attributes:
        signal: Name of the signal.
        step: The newest step that is saved.
        directory: Where.
        exit_code: 128 and the signal's number, as of a process that the signal has ended.
    """

    def __init__(
        self, name: str, number: int, step: int, directory: str, how: str = "the same command"
    ) -> None:
        self.signal, self.step, self.directory = name, step, directory
        self.exit_code = 128 + number
        super().__init__(
            f"preempted by {name}; {directory} holds everything up to step {step}; go on with: "
            f"{how}"
        )


class StartupFailed(TftrainError):
    """A new process could not load a model, or not answer with it."""


class TrainingFailed(TftrainError):
    """A training that was started as a process ended without a model."""
