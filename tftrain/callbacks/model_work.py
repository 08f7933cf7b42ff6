"""How much of the machine's arithmetic a training makes use of."""

from __future__ import annotations

from typing import Any

from tftrain.distribute.keras_bridge.replication import is_replicated, workers_of
from tftrain.keras_api import tf
from tftrain.resources import flops_per_example, peak_flops


class ModelWork:
    """The operations of a model's step, and those that the machine could do in that time.

    Args:
        model: Compiled.
        peak: Operations a second of all devices together; None measures them.
    """

    def __init__(self, model: Any, peak: float | None) -> None:
        self._model, self._peak = model, peak
        self._known: dict[str, float] | None = None

    def figures(self, inputs: Any, examples_per_second: float | None) -> dict[str, float]:
        """What can be known of it.

        The first call traces the model and may measure the machine; later ones remember.

        Args:
            inputs: A structure of `tf.TensorSpec`s of what the model is called on; None if unknown.
            examples_per_second: Of the training; None if unknown.

        Returns:
            `flops_per_example`, `peak_flops` and `flop_utilization`, or nothing.
        """
        if self._known is None:
            self._known = self._counted(inputs)
        if not self._known or examples_per_second is None:
            return dict(self._known)
        done = self._known["flops_per_example"] * examples_per_second
        return {**self._known, "flop_utilization": done / self._known["peak_flops"]}

    def _counted(self, inputs: Any) -> dict[str, float]:
        flops = flops_per_example(self._model, inputs) if inputs is not None else None
        if not flops:
            return {}
        return {"flops_per_example": flops, "peak_flops": self._peak or self._measured()}

    def _measured(self) -> float:
        strategy = self._model.distribute_strategy
        one = peak_flops(self._model.compute_dtype)
        if tf.config.list_logical_devices("GPU"):
            return one * strategy.num_replicas_in_sync
        # Several replicas on the processor share its cores.
        return one * (workers_of(strategy) if is_replicated(strategy) else 1)
