"""Only the chief's files are kept; the other workers' go to a temporary place.

Symptom: under a multi-worker strategy every worker writes the same checkpoint, log and model
file at once; on a shared file system they overwrite and corrupt one another's.
Cause: Keras 3 dropped the chief logic that tf.keras had; its savers and callbacks do not know
of workers. A worker cannot simply skip saving, because reading a variable that is aggregated on
reading (metrics, user variables) is a collective in which all must take part.
Upstream: keras#17012
Versions: keras 3.0 to 3.15
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tftrain.distribute import roles
from tftrain.distribute.keras_bridge.wrapping import wrap
from tftrain.keras_api import keras
from tftrain.roles import keeps_files_of

# What each callback writes to, and whether that must keep its name (Keras goes by suffixes).
_DESTINATIONS = {"ModelCheckpoint": "filepath", "CSVLogger": "filename", "TensorBoard": "log_dir"}


def install() -> None:
    """Sends what workers other than the chief write to a temporary place."""
    from keras.src.legacy.saving import legacy_h5_format
    from keras.src.saving import saving_lib

    for owner, name in (
        (saving_lib, "save_model"),
        (saving_lib, "save_weights_only"),
        (legacy_h5_format, "save_model_to_hdf5"),
        (keras.Model, "export"),
    ):
        wrap(owner, name, _save_if_chief)
    wrap(_archive_class(), "write_out", _write_out_if_chief)
    for name, attribute in _DESTINATIONS.items():
        wrap(getattr(keras.callbacks, name), "set_model", _redirecting(attribute))


@contextlib.contextmanager
def destination(model: Any, path: str | os.PathLike[str]) -> Iterator[Path]:
    """Where this worker is to write `path` of `model`.

    Every worker must run the block, since saving may be a collective.

    Returns:
        `path` in the chief; in other workers a path with the same last part that is removed on
        leaving the block.
    """
    if keeps_files_of(model):
        yield Path(path)
        return
    with tempfile.TemporaryDirectory(prefix="tftrain-") as folder:
        yield Path(folder) / Path(path).name


def _save_if_chief(
    save: Callable[..., Any], model: Any, filepath: Any, *args: Any, **kwargs: Any
) -> Any:
    if keeps_files_of(model):
        return save(model, filepath, *args, **kwargs)
    with destination(model, str(filepath)) as path:
        return save(model, str(path), *args, **kwargs)


def _archive_class() -> type:
    """The class that writes archives: in newer Keras `ExportArchive()` is not of its own class."""
    made = type(keras.export.ExportArchive())
    return next(each for each in made.__mro__ if "write_out" in vars(each))


def _write_out_if_chief(
    write: Callable[..., Any], archive: Any, filepath: Any, *args: Any, **kwargs: Any
) -> Any:
    # An archive may hold layers without a model, so the process decides. Nobody can skip the
    # tracing and saving, which may be collective.
    if roles.process_is_writer():
        return write(archive, filepath, *args, **kwargs)
    with tempfile.TemporaryDirectory(prefix="tftrain-") as folder:
        return write(archive, os.path.join(folder, "export"), *args, **kwargs)


def _redirecting(attribute: str) -> Callable[..., Any]:
    def set_model(original: Callable[..., Any], callback: Any, model: Any) -> Any:
        if model is not None and not keeps_files_of(model):
            _redirect(callback, attribute)
        return original(callback, model)

    return set_model


def _redirect(callback: Any, attribute: str) -> None:
    given = str(getattr(callback, attribute))
    if not given.startswith(_private_folder()):
        name = Path(given).name
        setattr(callback, attribute, os.path.join(_private_folder(), uuid.uuid4().hex[:8], name))
        os.makedirs(os.path.dirname(getattr(callback, attribute)))


@functools.cache
def _private_folder() -> str:
    """A folder of this process, removed when it ends."""
    folder = tempfile.mkdtemp(prefix="tftrain-worker-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
