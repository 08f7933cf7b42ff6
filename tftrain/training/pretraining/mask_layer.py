"""The layer that blanks patches of images."""

from __future__ import annotations

from typing import Any

from tftrain.keras_api import keras


@keras.saving.register_keras_serializable("tftrain")
class MaskPatches(keras.layers.Layer):
    """See `mask_patches`."""

    def __init__(self, share: float, patch: int, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.share, self.patch, self.seed = share, patch, seed
        # Dropout draws as every engine can, XLA's among them.
        self._keep = keras.layers.Dropout(share, seed=seed)

    def call(self, images: Any, training: bool = False) -> Any:
        """Images `[B, H, W, C]`, some of their patches 0 if training."""
        if not training:
            return images
        height, width = (side // self.patch for side in images.shape[1:3])
        ones = keras.ops.ones_like(images[:, :height, :width, :1])
        kept = self._keep(ones, training=True) * (1 - self.share)
        kept = keras.ops.repeat(keras.ops.repeat(kept, self.patch, axis=1), self.patch, axis=2)
        return images * kept

    def compute_output_shape(self, shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """The same."""
        return shape

    def get_config(self) -> dict[str, Any]:
        """What makes the same layer again."""
        own = {"share": self.share, "patch": self.patch, "seed": self.seed}
        return {**super().get_config(), **own}
