"""Layer-wise adaptive rates: each layer's step is a share of the size of its weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tftrain.keras_api import keras, tf
from tftrain.optim.decayed_variables import takes_decay


@keras.saving.register_keras_serializable("tftrain")
class Lars(keras.optimizers.Optimizer):
    """LARS, which Keras does not have.

    For the weights w of a layer with gradient g, weight decay b, rate r and momentum m:

        u = g + b w
        v = m v + r (t |w| / (|g| + b |w|)) u
        w = w - v

    Where |w| or |g| is 0 the factor in brackets is 1. Biases and normalization take plain momentum
    steps: no factor, no decay.

    Args:
        learning_rate: Positive, or a schedule.
        momentum: m, in [0, 1].
        trust: t, the share of its weights by which a layer moves at rate 1.
        weight_decay: b, not negative.
        nesterov: Whether to look ahead along the momentum.
        **options: Those of every Keras optimizer.

    Reference: You, Gitman and Ginsburg, *Large Batch Training of Convolutional Networks*, 2017.

    Example:
        >>> Lars(0.5).get_config()["trust"]
        0.001
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 0.1,
        momentum: float = 0.9,
        trust: float = 0.001,
        weight_decay: float | None = None,
        nesterov: bool = False,
        name: str = "lars",
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, name=name, **options)
        self.momentum = momentum
        self.trust = trust
        self.nesterov = nesterov

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Makes a velocity a variable, and notes which variables adapt."""
        if self.built:
            return
        super().build(variables)
        self.velocities = self.add_optimizer_variables(variables, "velocity")
        self.__dict__["_adapted"] = {self._var_key(v) for v in variables if takes_decay(v)}

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Moves one variable."""
        rate = keras.ops.cast(learning_rate, variable.dtype)
        gradient = keras.ops.cast(tf.convert_to_tensor(gradient), variable.dtype)
        if self._var_key(variable) in self.__dict__["_adapted"]:
            gradient = self._adapted_gradient(gradient, variable)
        velocity = self.velocities[self._get_variable_index(variable)]
        self.assign(velocity, velocity * self.momentum + rate * gradient)
        if self.nesterov:
            self.assign_sub(variable, velocity * self.momentum + rate * gradient)
        else:
            self.assign_sub(variable, velocity)

    def _adapted_gradient(self, gradient: Any, variable: Any) -> Any:
        decay = self.weight_decay or 0.0
        weights, slope = tf.norm(variable), tf.norm(gradient)
        share = self.trust * weights / (slope + decay * weights)
        factor = tf.where((weights > 0) & (slope > 0), share, 1.0)
        return factor * (gradient + decay * variable)

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        """Nothing: the decay is a part of the step."""

    def get_config(self) -> dict[str, Any]:
        """What makes the same optimizer again."""
        own = {"momentum": self.momentum, "trust": self.trust, "nesterov": self.nesterov}
        return {**super().get_config(), **own}
