"""Keep weights within a range, or the weights of each unit within a norm."""

from __future__ import annotations

from typing import Any

from tftrain.errors import BadInput, CallbackError
from tftrain.keras_api import keras
from tftrain.optim.decayed_variables import takes_decay


class WeightClipping(keras.callbacks.Callback):
    """Constrains kernels and embeddings after every update, while `fit` runs.

    Each is made to fit when the training begins. Biases and normalization are left alone.

    Args:
        value: The range `(low, high)` of every entry.
        norm: The largest norm of a unit's weights (a unit: the last axis of a kernel), positive.

    Raises:
        BadInput: Neither or both are given, or they are out of range.
        CallbackError: When training begins: a kernel has a constraint already.

    Example:
        >>> WeightClipping(value=(-0.5, 0.5)).constraint([[0.75, -0.25]]).numpy().tolist()
        [[0.5, -0.25]]
    """

    def __init__(
        self, *, value: tuple[float, float] | None = None, norm: float | None = None
    ) -> None:
        super().__init__()
        if (value is None) == (norm is None):
            raise BadInput(f"value is {value}, norm is {norm}; expected one of them")
        if value is not None and not value[0] < value[1]:
            raise BadInput(f"value is {value}; expected a range: low and high, low below high")
        if norm is not None and not 0 < norm < float("inf"):
            raise BadInput(f"norm is {norm}; expected a positive number")
        self._value, self._norm = value, norm

    def constraint(self, weights: Any) -> Any:
        """The weights, made to fit."""
        if self._value is not None:
            return keras.ops.clip(keras.ops.convert_to_tensor(weights), *self._value)
        axes = list(range(len(weights.shape) - 1))
        return keras.constraints.MaxNorm(self._norm, axis=axes)(weights)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Sets the constraints."""
        chosen = [v for v in self.model.trainable_variables if takes_decay(v)]
        for variable in chosen:
            if variable.constraint is not None:
                raise CallbackError(
                    f"{variable.path!r} has a constraint already: give it once, to the layer or "
                    "by WeightClipping"
                )
        self._constrained = chosen
        for variable in chosen:
            variable.constraint = _Constraint(self)
            variable.assign(self.constraint(variable))
        self.model.make_train_function(force=True)  # one from before would not constrain

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Takes the constraints off."""
        for variable in self._constrained:
            variable.constraint = None
        self.model.train_function = None


class _Constraint(keras.constraints.Constraint):
    """The callback's constraint, as an object that Keras 3.12 accepts."""

    def __init__(self, callback: WeightClipping) -> None:
        self._callback = callback

    def __call__(self, weights: Any) -> Any:
        return self._callback.constraint(weights)
