"""What is noted of bad steps, within the compiled step and outside of it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from tftrain.callbacks.guarded_step import StepInTrace
from tftrain.callbacks.traced_callback import state_variable
from tftrain.keras_api import tf

ROWS = 64  # bad steps between two looks of which all is kept; the others are only counted
GRADIENT, LOSS, SPIKE = "gradient", "loss", "spike"
CHECKS = (GRADIENT, LOSS, SPIKE)


@dataclasses.dataclass(frozen=True)
class BadStep:
    """A step that was not taken.

    Attributes:
        step: The update that it would have been, from 1.
        epoch: From 1.
        batch: Which of the epoch, from 0.
        check: What failed: `gradient` (not finite), `loss` (not finite) or `spike`.
        variable: The first one whose gradient is not finite; None if all are.
        value: Of the loss; where the gradient failed, NaN or infinite, the sum of its entries.
        bound: What the loss was measured by, where it is a spike.
        action: What was done.
    """

    step: int
    epoch: int
    batch: int
    check: str
    variable: str | None
    value: float
    bound: float | None
    action: str

    def __str__(self) -> str:
        where = f"at step {self.step} (epoch {self.epoch}, batch {self.batch})"
        if self.check == SPIKE:
            return f"the loss is {self.value:.6g}, above {self.bound:.6g}, {where}"
        if self.check == LOSS:
            beside = f", the gradient of {self.variable!r} too," if self.variable else ""
            return f"the loss is {self.value}{beside} {where}"
        return f"the gradient of {self.variable!r} is {self.value} {where}"

    def as_json(self) -> dict[str, Any]:
        """With texts for numbers that JSON does not have.

        Example:
            >>> step = BadStep(7, 1, 6, "loss", None, float("nan"), None, "skip")
            >>> step.as_json()["value"], BadStep.of_json(step.as_json()).value
            ('nan', nan)
        """
        value = self.value if math.isfinite(self.value) else str(self.value)
        return {**dataclasses.asdict(self), "value": value}

    @classmethod
    def of_json(cls, fields: dict[str, Any]) -> BadStep:
        """The inverse of `as_json`."""
        return cls(**{**fields, "value": float(fields["value"])})


class BadStepNotes:
    """Variables that the step writes bad steps into.

    Args:
        strategy: That of the model, whose scope this is called in.
        iterations: The optimizer's count of updates.
        paths: Of all variables that can have a gradient.
    """

    def __init__(self, strategy: Any, iterations: Any, paths: Sequence[str]) -> None:
        self._iterations, self._paths = iterations, list(paths)
        self._counts = state_variable((2,), "int64")  # steps seen, bad ones among them
        self._rows = state_variable((ROWS, 6), "float64")
        # One copy is read; through the strategy it would take ten times as long.
        self._here = [
            strategy.experimental_local_results(each)[0] for each in (self._counts, self._rows)
        ]
        self._known = 0

    def count(self) -> None:
        """Counts a step; where it is traced."""
        self._counts.assign_add([1, 0])

    def note(self, step: StepInTrace, bound: Any) -> None:
        """Notes a bad step; where it is traced, in the branch of bad steps."""
        finite = tf.math.is_finite(step.sums)
        wrong = tf.argmax(tf.cast(~finite, tf.int32))  # the first one; DTensor has no argmin
        positions = [self._paths.index(variable.path) for variable in step.variables]
        variable = tf.where(tf.reduce_all(finite), -1, tf.gather(positions, wrong))
        total = tf.gather(step.sums, wrong)
        check = tf.constant(CHECKS.index(GRADIENT))
        value = total
        if step.loss is not None:
            fits = tf.math.is_finite(step.loss)
            check = tf.where(fits, tf.where(step.loss > bound, 2, 0), 1)
            value = tf.where(tf.equal(check, 0), total, step.loss)
        seen, bad = tf.unstack(tf.convert_to_tensor(self._counts))
        columns = (seen, self._iterations + 1, check, variable, value, bound)
        row = tf.stack([tf.cast(tf.convert_to_tensor(each), tf.float64) for each in columns])
        at = tf.equal(tf.range(ROWS, dtype=tf.int64), bad % ROWS)[:, None]
        self._rows.assign(tf.where(at, row, tf.convert_to_tensor(self._rows)))
        self._counts.assign_add([0, 1])

    def look(self, epoch: int, batch: int, action: str) -> tuple[list[BadStep], int]:
        """The bad steps since the last look.

        Args:
            epoch: The epoch, from 0.
            batch: The batch just done.
            action: What is done about bad steps.

        Returns:
            Those of which all was kept, and the number of all.
        """
        seen, bad = self._here[0].numpy()
        new = int(bad) - self._known
        if not new:
            return [], 0
        rows = self._here[1].numpy()
        kept = range(max(self._known, int(bad) - ROWS), int(bad))
        self._known = int(bad)
        return [self._of_row(rows[n % ROWS], epoch, batch - int(seen), action) for n in kept], new

    def _of_row(self, row: Any, epoch: int, before: int, action: str) -> BadStep:
        seen, step, check, variable = map(int, row[:4])
        name = CHECKS[check]
        return BadStep(
            step=step,
            epoch=epoch + 1,
            batch=before + seen,
            check=name,
            variable=self._paths[variable] if variable >= 0 else None,
            value=float(row[4]),
            bound=float(row[5]) if name == SPIKE else None,
            action=action,
        )
