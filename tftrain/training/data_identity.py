"""What tells the data of an experiment from others, in whatever form `fit` is given them."""

from __future__ import annotations

from tftrain.keras_api import keras
from tftrain.training.config import TrainConfig


class DataIdentity(keras.callbacks.Callback):
    """Tells checkpoints which data these are.

    Arrays and the pipeline give the same batches in the same order, so that a run may go on with
    another number of devices or workers, where the other form is used.

    Args:
        config: Settings of the experiment.
        examples: Number of examples to train on.
    """

    needs_every_batch = False

    def __init__(self, config: TrainConfig, examples: int) -> None:
        super().__init__()
        augmented = f", augmented by {config.augment}" if config.augment else ""
        self._identity = {
            "data": f"{examples} examples of {config.dataset}{augmented}",
            "batch size": str(config.batch_size),
            "order of the data": f"shuffled by seed {config.seed}",
        }

    def checkpoint_identity(self) -> dict[str, str]:
        """Topics that `fit` tells of otherwise, and then by the form that it is given."""
        return self._identity
