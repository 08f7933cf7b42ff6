"""How long a part of a training is: in steps, in epochs, or as a percentage of all steps."""

from __future__ import annotations

import dataclasses
import re

from tftrain.errors import BadInput

_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*(%|epochs?|steps?)?")


@dataclasses.dataclass(frozen=True)
class Training:
    """How long a whole training is; a step is a batch.

    Attributes:
        steps: Steps in all; None if unknown.
        steps_per_epoch: Steps an epoch; None if unknown.
    """

    steps: int | None = None
    steps_per_epoch: int | None = None


@dataclasses.dataclass(frozen=True)
class Length:
    """A part of a training.

    Attributes:
        amount: Not negative.
        unit: `steps`, `epochs` or `%`.
    """

    amount: float
    unit: str = "steps"

    @classmethod
    def parse(cls, value: int | str | Length) -> Length:
        """Reads `200`, `"200"`, `"200 steps"`, `"2 epochs"` or `"5%"`.

        Raises:
            BadInput: It is none of these.

        Example:
            >>> Length.parse("5%").steps(Training(1000))
            50
        """
        if isinstance(value, Length):
            return value
        found = _FORM.fullmatch(str(value).strip())
        if isinstance(value, (bool, float)) or not found:
            raise BadInput(
                f"length {value!r}: expected steps (200), epochs ('2 epochs') or a percentage "
                "of the training ('5%')"
            )
        amount, unit = float(found[1]), found[2] or "steps"
        length = cls(amount, unit if unit == "%" else unit.rstrip("s") + "s")
        length._check()
        return length

    def steps(self, training: Training) -> int:
        """The number of steps, rounded to the nearest.

        Raises:
            BadInput: What it is a part of is not known.
        """
        if self.unit == "steps":
            return int(self.amount)
        whole = training.steps if self.unit == "%" else training.steps_per_epoch
        if whole is None:
            needed = "total_steps, or steps_per_epoch and epochs"
            needed = needed if self.unit == "%" else "steps_per_epoch"
            raise BadInput(f"length '{self}' needs {needed}")
        return round(self.amount / 100 * whole if self.unit == "%" else self.amount * whole)

    def _check(self) -> None:
        if self.unit == "%" and self.amount > 100:
            raise BadInput(f"length '{self}': expected at most 100%")
        if self.unit == "steps" and self.amount % 1:
            raise BadInput(f"length '{self}': expected a whole number of steps")

    def __str__(self) -> str:
        return f"{self.amount:g}{'' if self.unit == '%' else ' '}{self.unit}"
