"""What follows the warm-up, by name: schedules of Keras, sized for what is left to train."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from tftrain.errors import BadInput
from tftrain.keras_api import keras
from tftrain.optim.lengths import Length, Training

_Schedule = Any  # a keras.optimizers.schedules.LearningRateSchedule


@dataclasses.dataclass(frozen=True)
class Part:
    """The part of a training that a shape covers.

    Attributes:
        name: Of the schedule, for errors.
        rate: The highest learning rate.
        training: The whole training.
        warmup: Steps before this part.
    """

    name: str
    rate: float
    training: Training
    warmup: int

    @property
    def steps(self) -> int:
        """Steps from here to the end of the training."""
        if self.training.steps is None:
            raise BadInput(
                f"schedule {self.name!r} needs the length of the training: total_steps, or "
                "steps_per_epoch and epochs"
            )
        return self.training.steps - self.warmup

    def length(self, value: int | str | Length) -> int:
        """A length in steps, at least one."""
        return max(1, Length.parse(value).steps(self.training))


def constant(part: Part) -> _Schedule:
    """Stays."""
    return keras.optimizers.schedules.ExponentialDecay(part.rate, 1, 1.0)


def polynomial(part: Part, end: float = 0.0, power: float = 2.0) -> _Schedule:
    """Falls along a power of what is left."""
    _positive("power", power)
    last = part.rate * _share("end", end)
    return keras.optimizers.schedules.PolynomialDecay(part.rate, part.steps, last, power)


def linear(part: Part, end: float = 0.0) -> _Schedule:
    """Falls in a straight line."""
    return polynomial(part, end, power=1.0)


def exponential(part: Part, end: float = 0.01) -> _Schedule:
    """Falls by the same share at every step."""
    _positive("end", _share("end", end))
    return keras.optimizers.schedules.ExponentialDecay(part.rate, part.steps, end)


def cosine(part: Part, end: float = 0.0) -> _Schedule:
    """Falls along half a cosine."""
    return keras.optimizers.schedules.CosineDecay(part.rate, part.steps, alpha=_share("end", end))


def cosine_restarts(
    part: Part,
    first: int | str | Length = "10%",
    growth: float = 2.0,
    shrink: float = 1.0,
    end: float = 0.0,
) -> _Schedule:
    """Falls along half a cosine again and again."""
    if not growth >= 1:
        raise BadInput(f"growth is {growth}; expected 1 or more")
    _positive("shrink", _share("shrink", shrink))
    return keras.optimizers.schedules.CosineDecayRestarts(
        part.rate, part.length(first), float(growth), float(shrink), _share("end", end)
    )


def step(part: Part, every: int | str | Length = "30%", factor: float = 0.1) -> _Schedule:
    """Falls at once, after equal times."""
    _positive("factor", _share("factor", factor))
    return keras.optimizers.schedules.ExponentialDecay(
        part.rate, part.length(every), factor, staircase=True
    )


def inverse_sqrt(part: Part, timescale: int | str | Length | None = None) -> _Schedule:
    """Falls with the square root of the time."""
    from tftrain.optim.warmup import InverseSquareRoot

    steps = part.warmup if timescale is None else part.length(timescale)
    return InverseSquareRoot(part.rate, steps or part.length("10%"))


def one_cycle(part: Part, divisor: float = 25.0, end: float = 1e-4) -> _Schedule:
    """Falls along half a cosine; `divisor` is the warm-up's."""
    return cosine(part, end)


SHAPES: dict[str, Callable[..., _Schedule]] = {
    shape.__name__: shape
    for shape in (
        constant,
        linear,
        exponential,
        polynomial,
        cosine,
        cosine_restarts,
        step,
        inverse_sqrt,
        one_cycle,
    )
}


def _share(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise BadInput(f"{name} is {value}; expected a share: 0 to 1")
    return value


def _positive(name: str, value: float) -> float:
    if not 0 < value < float("inf"):
        raise BadInput(f"{name} is {value}; expected a positive number")
    return value
