"""The loss of pairs of views."""

from __future__ import annotations

from typing import Any

from tftrain.keras_api import keras


@keras.saving.register_keras_serializable("tftrain")
class NTXent(keras.losses.Loss):
    """See `nt_xent`."""

    def __init__(self, temperature: float = 0.5, name: str = "nt_xent", **options: Any) -> None:
        super().__init__(name=name, **options)
        self.temperature = temperature

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each pair `[B]`."""
        ops = keras.ops
        count = ops.shape(y_pred)[0]
        views = ops.concatenate([y_pred[:, 0], y_pred[:, 1]], axis=0)
        views = ops.cast(views, "float32")
        views = views / ops.sqrt(ops.sum(views**2, axis=1, keepdims=True) + 1e-12)
        likeness = ops.matmul(views, ops.transpose(views)) / self.temperature
        itself = ops.eye(2 * count, dtype=likeness.dtype)
        others = ops.logsumexp(likeness - 1e9 * itself, axis=1)
        both = ops.sum(views[:count] * views[count:], axis=1) / self.temperature
        return (others[:count] + others[count:]) / 2 - both

    def get_config(self) -> dict[str, Any]:
        """What makes the same loss again."""
        return {**super().get_config(), "temperature": self.temperature}
