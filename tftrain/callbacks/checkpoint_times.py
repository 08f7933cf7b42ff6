"""When to save within an epoch: in all workers after the same step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tftrain.distribute import appointments
from tftrain.distribute.local_sgd import is_local_sgd
from tftrain.errors import CallbackError
from tftrain.roles import keeps_files_of


class CheckpointTimes:
    """Saving after some batches, or some seconds; of several workers the chief's clock counts.

    Args:
        every_steps: Batches between two, counted in each epoch; None for no matter.
        every_secs: Seconds between two; None for no matter.
        clock: Seconds from any fixed moment.
    """

    def __init__(
        self, every_steps: int | None, every_secs: float | None, clock: Callable[[], float]
    ) -> None:
        self._every_steps, self._every_secs, self._clock = every_steps, every_secs, clock
        self._appointments: appointments.Appointments | None = None

    def begin(self, model: Any) -> None:
        """Starts the clock, for a `fit` of this model.

        Raises:
            CallbackError: The workers of this model cannot save together within epochs.
        """
        strategy = model.distribute_strategy
        if (self._every_steps or self._every_secs) and is_local_sgd(strategy):
            raise CallbackError(
                "Checkpoint(every_steps=..., every_secs=...) under local SGD: until an epoch ends, "
                "each worker has metrics of its own; use every_epochs"
            )
        if self._every_secs and not appointments.can_agree(strategy):
            raise CallbackError(
                "Checkpoint(every_secs=...): these workers have no common clock; make the strategy "
                "by tftrain.distribute.strategy, or use every_steps"
            )
        self._is_writer = keeps_files_of(model)
        self.restart()
        if self._every_secs:
            self._appointments = appointments.between(strategy)

    def restart(self) -> None:
        """Starts the clock again: something is saved now."""
        self._saved_at = self._clock()

    def is_due(self, before: int, after: int) -> bool:
        """Whether to save now; to be asked after every execution, in every worker.

        Args:
            before: Batches of the epoch that were done when it began.
            after: Batches that are done now.
        """
        every = self._every_steps
        by_steps = every is not None and before // every != after // every
        return self._is_late() or by_steps

    def end(self) -> None:
        """To be called when `fit` is left."""
        if self._appointments is not None:
            self._appointments.close()
            self._appointments = None

    def _is_late(self) -> bool:
        late = bool(self._every_secs) and self._clock() - self._saved_at >= self._every_secs
        if self._appointments is None:
            return late
        agreed = self._appointments.after_execution() is not None
        if late and not agreed and self._is_writer:
            self._appointments.make("save")
        return agreed
