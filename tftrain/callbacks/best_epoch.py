"""The epoch at which a metric was best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tftrain.errors import BadInput


class BestEpoch:
    """Notes when a metric was best.

    Args:
        metric: Its name in the logs; None for none.
        mode: "min" or "max": what is best.

    Attributes:
        found: The best value and the step at which it was reached; None before any.

    Example:
        >>> best = BestEpoch("val_loss", "min")
        >>> [best.note({"val_loss": loss}, step) for step, loss in ((10, 2.0), (20, 3.0))]
        [True, False]
        >>> best.found
        (2.0, 10)
    """

    def __init__(self, metric: str | None, mode: str) -> None:
        self._metric, self._mode = metric, mode
        self.found: tuple[float, int] | None = None

    def begin(self, found: Sequence[float] | None = None) -> None:
        """Begins anew, or where a checkpoint has it."""
        self.found = (float(found[0]), int(found[1])) if found else None

    def note(self, logs: Mapping[str, float], step: int) -> bool:
        """Whether an epoch is the best so far.

        Raises:
            BadInput: The logs have no such metric.
        """
        if self._metric is None:
            return False
        if self._metric not in logs:
            raise BadInput(
                f"keep_best is {self._metric!r}; the logs have {', '.join(sorted(logs))}"
            )
        value = float(logs[self._metric])
        if self.found is None or self._is_better(value, self.found[0]):
            self.found = (value, step)
            return True
        return False

    def _is_better(self, value: float, other: float) -> bool:
        return value < other if self._mode == "min" else value > other
