"""Save the training's state after every epoch, and take it up again."""

from __future__ import annotations

import os
from typing import Any

from tftrain.keras_api import keras, tf


class Checkpoint(keras.callbacks.Callback):
    """Saves weights, optimizer state and random state after every epoch; keeps the newest.

    The random state (dropout's seed generators) is what Keras's own formats leave out; with
    it, training goes on exactly as it would have.

    Args:
        directory: Folder for TensorFlow checkpoints, made if missing.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        super().__init__()
        self._directory = os.fspath(directory)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves, under the number of epochs done."""
        _manager(self.model, self._directory).save(checkpoint_number=epoch + 1)


def restore(model: keras.Model, directory: str | os.PathLike[str]) -> int:
    """Restores the newest checkpoint into a compiled model.

    Returns:
        The number of epochs it has behind it; 0 if there is no checkpoint.
    """
    manager = _manager(model, os.fspath(directory))
    if manager.latest_checkpoint is None:
        return 0
    manager.checkpoint.restore(manager.latest_checkpoint).assert_consumed()
    return int(manager.latest_checkpoint.rsplit("-", 1)[1])


def _manager(model: keras.Model, directory: str) -> tf.train.CheckpointManager:
    with model.distribute_strategy.scope():
        model.optimizer.build(model.trainable_variables)
    variables = [variable.value for variable in model.variables + model.optimizer.variables]
    checkpoint = tf.train.Checkpoint(variables=variables)
    return tf.train.CheckpointManager(checkpoint, directory, max_to_keep=1)
