"""Save the training's state after every epoch, and take it up again."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from tftrain.errors import RunFolderError
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
        self._directory = Path(directory)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Finds what is to be saved."""
        self._checkpoint = _checkpoint(self.model)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves, under the number of epochs done, and removes the older ones."""
        newest = f"ckpt-{epoch + 1}"
        self._directory.mkdir(parents=True, exist_ok=True)
        self._checkpoint.write(str(self._directory / newest))
        for file in self._directory.glob("ckpt-*"):
            if file.name.split(".")[0] != newest:
                file.unlink()


def restore(model: keras.Model, directory: str | os.PathLike[str]) -> int:
    """Restores the newest checkpoint into a compiled model.

    Returns:
        The number of epochs it has behind it; 0 if there is no checkpoint.

    Raises:
        RunFolderError: It is damaged, or is another model's.
    """
    # TensorFlow writes the index last, so what has one is complete.
    epochs = max((int(file.stem[5:]) for file in Path(directory).glob("ckpt-*.index")), default=0)
    if epochs:
        _read(_checkpoint(model), Path(directory).absolute(), f"ckpt-{epochs}")
    return epochs


def _read(checkpoint: tf.train.Checkpoint, folder: Path, name: str) -> None:
    with tempfile.TemporaryDirectory() as plain:  # TensorFlow takes [ and * in a path for patterns
        link = Path(plain) / "folder"
        link.symlink_to(folder)
        try:
            checkpoint.read(str(link / name)).assert_consumed()
        except Exception as error:
            raise RunFolderError(
                f"checkpoint {folder / name} is damaged or another model's "
                f"({str(error).splitlines()[0]}); --overwrite starts again"
            ) from error


def _checkpoint(model: keras.Model) -> tf.train.Checkpoint:
    if not model.optimizer.built:  # a loss scale would be made twice
        with model.distribute_strategy.scope():
            model.optimizer.build(model.trainable_variables)
    variables = [variable.value for variable in model.variables + model.optimizer.variables]
    return tf.train.Checkpoint(variables=variables)
