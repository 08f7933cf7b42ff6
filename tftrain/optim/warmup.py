"""A linear rise of the learning rate in front of any schedule."""

from __future__ import annotations

from typing import Any

from tftrain.keras_api import keras


@keras.saving.register_keras_serializable("tftrain")
class LinearWarmup(keras.optimizers.schedules.LearningRateSchedule):
    """Rises for `steps` steps in equal parts, then follows another schedule from its beginning.

    Args:
        schedule: What follows; its step 0 is the first step after the rise.
        steps: Steps below the schedule's first rate, at least 1.
        start: Rate of the first step; None takes one part, so that no step is lost on a rate of 0.

    Reference: Goyal et al., *Accurate, Large Minibatch SGD*, 2017.

    Example:
        >>> flat = keras.optimizers.schedules.ExponentialDecay(0.4, 1, 1.0)
        >>> [round(float(LinearWarmup(flat, 3)(step)), 2) for step in range(5)]
        [0.1, 0.2, 0.3, 0.4, 0.4]
    """

    def __init__(
        self,
        schedule: keras.optimizers.schedules.LearningRateSchedule,
        steps: int,
        start: float | None = None,
    ) -> None:
        self.schedule, self.steps, self.start = schedule, steps, start

    def __call__(self, step: Any) -> Any:
        """The rate of a step, a scalar of the default float dtype."""
        ops = keras.ops
        after = ops.maximum(ops.cast(step, "int64") - self.steps, 0)
        rate = ops.cast(self.schedule(after), keras.config.floatx())
        peak = ops.cast(self.schedule(0), rate.dtype)
        start = peak / (self.steps + 1) if self.start is None else self.start
        rising = start + (peak - start) * ops.cast(step, rate.dtype) / self.steps
        return ops.where(ops.cast(step, "int64") < self.steps, rising, rate)

    def get_config(self) -> dict[str, Any]:
        """What makes the same schedule again."""
        inner = keras.optimizers.schedules.serialize(self.schedule)
        return {"schedule": inner, "steps": self.steps, "start": self.start}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LinearWarmup:
        """The schedule that `get_config` describes."""
        inner = keras.optimizers.schedules.deserialize(config["schedule"])
        return cls(**{**config, "schedule": inner})


@keras.saving.register_keras_serializable("tftrain")
class InverseSquareRoot(keras.optimizers.schedules.LearningRateSchedule):
    """rate(s) = initial / sqrt(1 + s / timescale): halved after three timescales.

    Behind a warm-up of `timescale` steps this is the schedule of the Transformer.

    Args:
        initial_learning_rate: The rate of step 0.
        timescale: Steps, at least 1.

    Reference: Vaswani et al., *Attention Is All You Need*, 2017, section 5.3.

    Example:
        >>> float(InverseSquareRoot(0.4, 100)(300))
        0.2...
    """

    def __init__(self, initial_learning_rate: float, timescale: int) -> None:
        self.initial_learning_rate, self.timescale = initial_learning_rate, timescale

    def __call__(self, step: Any) -> Any:
        """The rate of a step, a scalar of the default float dtype."""
        step = keras.ops.cast(step, keras.config.floatx())
        return self.initial_learning_rate * keras.ops.rsqrt(1 + step / self.timescale)

    def get_config(self) -> dict[str, Any]:
        """What makes the same schedule again."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "timescale": self.timescale,
        }
