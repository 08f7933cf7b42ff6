"""Clip the gradient, and log how large it was and how much of it was cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tftrain.callbacks.gradient_taps import GradientCallback
from tftrain.callbacks.traced_callback import state_variable
from tftrain.errors import CallbackError
from tftrain.keras_api import tf
from tftrain.optim.clipping import Clipping, global_norm


class GradientClipping(GradientCallback):
    """Clips the gradient of the whole step: summed over replicas, unscaled, accumulated.

    At the end of each epoch it logs `gradient_norm`, the mean norm before clipping, and
    `clipped_share`, the mean share of the gradient's entries that clipping changed.

    Args:
        by: `value`, `norm`, `global_norm` or `adaptive` (see `optim.Clipping`), or both arguments
            in one text, as `global_norm:1`.
        limit: Positive.
        exclude: Variables whose path contains one of these are not clipped; the authors of
            adaptive clipping leave out the last layer.

    Raises:
        UnknownName: There is no such way to clip.
        BadInput: The limit is not positive.
        CallbackError: When training begins: the optimizer clips too, or the gradient of the whole
            step cannot be had.

    Example:
        >>> GradientClipping("global_norm", 1.0).clipping
        Clipping(by='global_norm', limit=1.0)
    """

    def __init__(self, by: str, limit: float | None = None, *, exclude: Sequence[str] = ()) -> None:
        super().__init__()
        self.clipping = Clipping.parse(by) if limit is None else Clipping(by, limit)
        self.exclude = tuple(exclude)

    def check(self, optimizer: Any, others: Sequence[GradientCallback]) -> None:
        """Refuses to clip what is clipped already."""
        for name in ("clipnorm", "clipvalue", "global_clipnorm"):
            if getattr(optimizer, name):
                raise CallbackError(
                    f"GradientClipping and the optimizer's {name}={getattr(optimizer, name)} would "
                    "clip twice: keep one of them"
                )
        if any(isinstance(other, GradientClipping) for other in others):
            raise CallbackError("two GradientClipping callbacks would clip twice: keep one")

    def make_state(self, variables: Sequence[Any]) -> None:
        """Sums of norm and share, and the number of updates."""
        self._sums = state_variable((3,))

    def tap(self, gradients: list[Any], variables: list[Any]) -> list[Any]:
        """Clips."""
        chosen = [i for i, v in enumerate(variables) if not self._is_excluded(v)]
        clipped, share = self.clipping.clip(
            [gradients[i] for i in chosen], [variables[i] for i in chosen]
        )
        self._sums.assign_add(tf.stack([global_norm(gradients), share, 1.0]))
        for i, gradient in zip(chosen, clipped, strict=True):
            gradients[i] = gradient
        return gradients

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begins the sums anew."""
        self._sums.assign(tf.zeros((3,)))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Logs the means."""
        norms, shares, updates = tf.convert_to_tensor(self._sums).numpy()
        if updates and logs is not None:
            logs["gradient_norm"] = float(norms / updates)
            logs["clipped_share"] = float(shares / updates)

    def _is_excluded(self, variable: Any) -> bool:
        return any(part in variable.path for part in self.exclude)
