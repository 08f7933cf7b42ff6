"""Save a model as one file, in Keras's own formats."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from absl import logging

from tftrain.atomic import replace_file
from tftrain.errors import ExportError
from tftrain.export import reloading
from tftrain.keras_api import keras as keras_api
from tftrain.whole_models import takes_whole_model


@takes_whole_model
def keras(model: keras_api.Model, path: str | os.PathLike[str]) -> Path:
    """Saves the whole model as `.keras`, Keras 3's format, replacing `path` atomically.

    The file is loaded and compared with the model, its optimizer's state included, before it takes
    its name: what was at `path` stays whole if anything fails.

    Raises:
        ExportError: `path` does not end in `.keras`.
        VerificationFailed: The file cannot be loaded, or gives another model.
    """
    return _save(model, Path(path), ".keras", optimizer=True)


@takes_whole_model
def h5(model: keras_api.Model, path: str | os.PathLike[str]) -> Path:
    """Saves the whole model as `.h5`, the format of Keras 2, replacing `path` atomically.

    The file is loaded and compared with the model before it takes its name, as by `keras`, but
    without its optimizer: Keras (up to 3.15) writes its state and loses it on loading, and the
    loaded model must be compiled again. To go on with a training, save it as `.keras`.

    Raises:
        ExportError: `path` does not end in `.h5`.
        VerificationFailed: The file cannot be loaded, or gives another model.
    """
    with _optimizer_kept(model):
        return _save(model, Path(path), ".h5", optimizer=False)


def _save(model: keras_api.Model, path: Path, suffix: str, *, optimizer: bool) -> Path:
    if path.suffix != suffix:
        raise ExportError(f"{path} ends in {path.suffix!r}; expected {suffix!r}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(path) as temporary, _no_warnings():
        model.save(temporary)
        if temporary.exists():  # not in workers whose files are not kept
            reloading.require_alike(model, temporary, path.name, optimizer=optimizer)
    return path


@contextlib.contextmanager
def _optimizer_kept(model: keras_api.Model) -> Iterator[None]:
    """Up to Keras 3.15, saving as HDF5 takes the optimizer out of the model's compile settings.

    A `.keras` file written later then loads with RMSprop instead, and without the state of the
    optimizer. Repaired upstream by keras#23475.
    """
    settings = getattr(model, "_compile_config", None)
    kept = dict(settings.config) if settings is not None else {}
    try:
        yield
    finally:
        if settings is not None:
            settings.config.update(kept)


@contextlib.contextmanager
def _no_warnings() -> Iterator[None]:
    """Keras logs that HDF5 is a legacy format, which whoever asks for `.h5` knows."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
