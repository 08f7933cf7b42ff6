"""A trained model from wherever it is: an object, a run folder, a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tftrain.errors import FineTuningError, RunFolderError, TftrainError
from tftrain.keras_api import keras
from tftrain.training import saved_classes
from tftrain.training.run_folder import RunFolder


def model_of(source: Any) -> keras.Model:
    """The model that a source stands for, made under the strategy in scope unless it is made.

    Args:
        source: A built Keras model, a run folder (`RunFolder` or path), or a `.keras` or `.h5`
            file.

    Raises:
        FineTuningError: It is none of these, holds no weights, or its file is damaged.
        RunFolderError: The run has no finished model.
    """
    if isinstance(source, keras.Model):
        if not source.built or not source.weights:
            raise FineTuningError(
                [f"the model {source.name!r} has no weights yet: call it on a batch, or build it"]
            )
        return source
    if isinstance(source, RunFolder):
        return _loaded(source.require_model())
    if not isinstance(source, (str, os.PathLike)):
        raise FineTuningError(
            [f"received a {type(source).__name__}; expected a Keras model, a run or a .keras file"]
        )
    path = Path(source).expanduser()
    return _loaded(path if path.is_file() else RunFolder.open(path).require_model())


def _loaded(path: Path) -> keras.Model:
    saved_classes.register()
    try:
        return keras.saving.load_model(path)
    except TftrainError:
        raise
    except Exception as error:
        raise RunFolderError(f"{path} cannot be loaded: {error}") from error
