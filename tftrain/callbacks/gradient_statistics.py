"""Measure the gradient, and stop at the first one that is not finite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tftrain.callbacks.gradient_taps import GradientCallback
from tftrain.callbacks.traced_callback import state_variable
from tftrain.errors import BadInput, NotFiniteGradient
from tftrain.keras_api import keras, tf
from tftrain.optim.clipping import squared_norm


class GradientStatistics(GradientCallback):
    """Logs norms of the gradient, and names the variable and the step if one is not finite.

    At the end of each epoch it logs `gradient_norm_mean` and `gradient_norm_max` over the epoch's
    updates and, if asked, `gradient_norm/PATH`, the mean for each variable. Gradients are seen as
    callbacks before this one leave them: put it before `GradientClipping` to measure what is cut.

    Under float16 with loss scaling Keras skips a step whose gradient is not finite and halves the
    scale: that is no error, until the scale is below 1. Such steps are not measured.

    A norm is a pass over the gradient, which XLA does not spread over the processor's lanes: on a
    small model it costs more than half of a step there. `every` leaves most of them out.

    Args:
        stop: Raise at a gradient that is not finite. The weights have then taken that step.
        per_variable: Log each variable's norm too.
        every: Measure an epoch's first update and every so many after it. Gradients that are not
            finite, as `stop` asks, are looked for in all.

    Raises:
        BadInput: `every` is below 1.
        NotFiniteGradient: In training; as said.
    """

    def __init__(self, *, stop: bool = True, per_variable: bool = False, every: int = 1) -> None:
        super().__init__()
        if every < 1:
            raise BadInput(f"every is {every}; expected 1 or more")
        self.stop = stop
        self.per_variable = per_variable
        self.every = every

    @property
    def needs_every_batch(self) -> bool:
        """Stopping at once needs a look after every batch."""
        return self.stop

    def make_state(self, variables: Sequence[Any]) -> None:
        """Sum of norms, the largest, how many, the updates; the step at which each went wrong."""
        self._paths = [variable.path for variable in variables]
        self._positions = {id(variable): i for i, variable in enumerate(variables)}
        self._whole = state_variable((4,))
        if self.per_variable:
            self._norms = state_variable((len(variables),))
        if not self.stop:
            return
        self._wrong_at = state_variable((len(variables),), "int64")
        self._skipped = state_variable((len(variables),), "int64")
        if isinstance(self.model.optimizer, keras.optimizers.LossScaleOptimizer):
            self.model.optimizer.__dict__["check_finite"] = self._check_scaled

    def tap(self, gradients: list[Any], variables: list[Any]) -> list[Any]:
        """Measures, and changes nothing."""
        if self.every == 1:
            self._measure(gradients, variables)
        else:
            seen = tf.convert_to_tensor(self._whole)[3]
            is_due = tf.equal(tf.math.floormod(seen, self.every), 0.0)
            tf.cond(is_due, lambda: self._measure(gradients, variables), self._pass_over)
        if self.stop:
            self._note_wrong(self._placed(tf.cast(_wrong(gradients), tf.int64), variables))
        return gradients

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begins the sums anew."""
        for variable in self._sums().values():
            variable.assign(tf.zeros_like(tf.convert_to_tensor(variable)))

    def checkpoint_state(self) -> dict[str, np.ndarray]:
        """What was measured of the epoch so far."""
        return {name: tf.convert_to_tensor(each).numpy() for name, each in self._sums().items()}

    def restore_checkpoint_state(self, state: dict[str, np.ndarray]) -> None:
        """Goes on with an epoch that was cut."""
        for name, variable in self._sums().items():
            variable.assign(state[name])

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Stops if a gradient was not finite."""
        super().on_train_batch_end(batch, logs)
        if self.stop:
            self._stop_if_wrong()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Logs."""
        total, largest, measured, _ = tf.convert_to_tensor(self._whole).numpy()
        if not measured or logs is None:
            return
        logs["gradient_norm_mean"] = float(total / measured)
        logs["gradient_norm_max"] = float(largest)
        if self.per_variable:
            norms = tf.convert_to_tensor(self._norms).numpy() / measured
            trained = self._places(self.model.trainable_variables)
            logs.update({f"gradient_norm/{self._paths[i]}": float(norms[i]) for i in trained})

    def take_out(self) -> None:
        """Leaves optimizer and model as they were."""
        self.model.optimizer.__dict__.pop("check_finite", None)
        super().take_out()

    def _sums(self) -> dict[str, Any]:
        norms = {"norms": self._norms} if self.per_variable else {}
        return {**norms, "whole": self._whole}

    def _measure(self, gradients: list[Any], variables: list[Any]) -> None:
        squares = tf.stack([squared_norm(gradient) for gradient in gradients])
        norm = tf.sqrt(tf.reduce_sum(squares))
        largest = tf.convert_to_tensor(self._whole)[1]
        self._whole.assign_add(tf.stack([norm, tf.maximum(norm - largest, 0.0), 1.0, 1.0]))
        if self.per_variable:
            self._norms.assign_add(self._placed(tf.sqrt(squares), variables))

    def _pass_over(self) -> None:
        self._whole.assign_add(tf.constant([0.0, 0.0, 0.0, 1.0]))

    def _placed(self, values: Any, variables: list[Any]) -> Any:
        """One value a variable, in the order of the optimizer's."""
        rows = tf.constant(self._places(variables))[:, None]
        return tf.scatter_nd(rows, values, (len(self._paths),))

    def _places(self, variables: Sequence[Any]) -> list[int]:
        return [self._positions[id(variable)] for variable in variables]

    def _note_wrong(self, wrong: Any) -> None:
        before = tf.convert_to_tensor(self._wrong_at)
        step = tf.cast(tf.convert_to_tensor(self.optimizer._iterations), tf.int64) + 1
        self._wrong_at.assign_add(tf.where(tf.equal(before, 0), wrong * step, 0))

    def _stop_if_wrong(self) -> None:
        steps = tf.convert_to_tensor(self._wrong_at).numpy()
        if steps.any():
            first = steps[steps > 0].min()
            raise NotFiniteGradient(self._named(steps == first), int(first))
        scale = self._scale()
        if scale is not None and float(scale.numpy()) < 1:
            skipped = tf.convert_to_tensor(self._skipped).numpy()
            step = int(self.optimizer._iterations.numpy()) + 1  # skipped steps are not counted
            raise NotFiniteGradient(self._named(skipped > 0), step)

    def _named(self, chosen: np.ndarray) -> list[str]:
        return [self._paths[i] for i in np.nonzero(chosen)[0]]

    def _scale(self) -> Any:
        """The loss scale; None where the loss is not scaled."""
        return getattr(self.model.optimizer, "dynamic_scale", None)

    def _check_scaled(self, gradients: Sequence[Any]) -> Any:
        """Keras's decision whether to skip a step, that notes whose gradients decide."""
        trained = zip(gradients, self.model.trainable_variables, strict=False)
        present = [(gradient, variable) for gradient, variable in trained if gradient is not None]
        wrong = _wrong([gradient for gradient, _ in present])
        noted = self._placed(tf.cast(wrong, tf.int64), [variable for _, variable in present])
        self._skipped.assign(noted)
        return tf.logical_not(tf.reduce_any(wrong))


def _wrong(gradients: list[Any]) -> Any:
    # Not by the norm: the square of a large but finite entry overflows.
    values = [g.values if isinstance(g, tf.IndexedSlices) else g for g in gradients]
    finite = [tf.reduce_all(tf.math.is_finite(value)) for value in values]
    return tf.logical_not(tf.stack(finite))
