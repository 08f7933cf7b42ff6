"""How much of gradients each replica sends, epoch by epoch."""

from __future__ import annotations

from typing import Any

from tftrain import optim
from tftrain.keras_api import keras


class GradientBytes(keras.callbacks.Callback):
    """Adds `gradient_bytes` to the logs of every epoch: bytes that one replica contributed.

    They are counted from shapes, without headers and without the gradients of embeddings; with one
    replica there is nothing to count, and nothing is added. In the order of callbacks it comes
    before those that are to see it; History always does.
    """

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the step."""
        self._first = self._step()

    def checkpoint_state(self) -> dict[str, int]:
        """The step at which the epoch began."""
        return {"first": self._first}

    def restore_checkpoint_state(self, state: dict[str, int]) -> None:
        """Goes on with an epoch that was cut."""
        self._first = state["first"]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds the bytes of the steps since."""
        if logs is None or self.model.distribute_strategy.num_replicas_in_sync == 1:
            return
        logs["gradient_bytes"] = optim.gradient_bytes(
            self.model.optimizer, range(self._first, self._step())
        )

    def _step(self) -> int:
        return int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))
