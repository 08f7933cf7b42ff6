"""The one door to Keras and TensorFlow: `from tftrain.keras_api import keras, tf`.

Both names are proxies that import on first use, so modules that mention them stay cheap to
import. The first use also checks that Keras runs on TensorFlow, binds `tf.keras` to Keras 3
before tfmot can turn it into tf_keras (importing tfmot sets `TF_USE_LEGACY_KERAS`), and keeps
TensorFlow's start-up messages off the terminal unless `TFTRAIN_VERBOSE=1`.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Any

from tftrain.errors import BackendError

OLDEST_KERAS = (3, 12)


def require_tensorflow_backend() -> None:
    """Checks that Keras uses, or will use, the TensorFlow backend.

    Raises:
        BackendError: Keras is loaded, or `KERAS_BACKEND` is set, for another backend.
    """
    if "keras" in sys.modules:
        _check_loaded(sys.modules["keras"])
        return
    chosen = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if chosen != "tensorflow":
        raise BackendError(
            f"KERAS_BACKEND is {chosen!r}, but tftrain trains on TensorFlow: "
            "unset KERAS_BACKEND or set it to 'tensorflow'"
        )


def _check_loaded(module: Any) -> None:
    version = tuple(int(part) for part in module.__version__.split(".")[:2])
    if version < OLDEST_KERAS:
        raise BackendError(
            f"Keras {module.__version__} is loaded, but tftrain needs 3.12 or later: "
            "pip install 'keras>=3.12'"
        )
    backend = module.backend.backend()
    if backend != "tensorflow":
        raise BackendError(
            f"Keras is already loaded on the {backend!r} backend, but tftrain trains on "
            "TensorFlow: set KERAS_BACKEND=tensorflow before importing keras"
        )


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Holds back what C++ code writes to file descriptor 2; shows it if the block raises.

    TF_CPP_MIN_LOG_LEVEL cannot silence what is logged before absl's logging is initialised.
    """
    if os.environ.get("TFTRAIN_VERBOSE") == "1":
        yield
        return
    with _held_stderr() as held:
        try:
            yield
        except Exception:
            held.release()
            raise


@contextlib.contextmanager
def without_lines(text: str) -> Iterator[None]:
    """Keeps lines with this text, which C++ code writes to file descriptor 2, off the terminal.

    Only where TensorFlow was imported before TF_CPP_MIN_LOG_LEVEL could be set to keep it quiet.
    """
    if not _was_loaded_before:
        yield
        return
    with _held_stderr() as held:
        try:
            yield
        finally:
            held.release(but=text)


class _Held:
    """What was written to file descriptor 2 since it became a file."""

    def __init__(self, file: IO[bytes], terminal: int) -> None:
        self._file, self._terminal = file, terminal

    def release(self, but: str | None = None) -> None:
        """Shows it, without lines of this text."""
        self._file.seek(0)
        for line in self._file:
            if but is None or but.encode() not in line:
                os.write(self._terminal, line)


@contextlib.contextmanager
def _held_stderr() -> Iterator[_Held]:
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield _Held(file, terminal)
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


@contextlib.contextmanager
def _kept_for_good() -> Iterator[None]:
    """Spares the garbage collector what is imported: nearly half the time of a short process.

    What was made before is garbage already or, rarely, frozen along with the modules.
    """
    if "tensorflow" in sys.modules:  # the objects there are mostly the user's own
        yield
        return
    collects = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if collects:
            gc.enable()


@contextlib.contextmanager
def quiet_logger() -> Iterator[None]:
    """Holds back TensorFlow's warnings, such as those of retracing; its errors are shown."""
    logger = tf.get_logger()
    before = logger.level
    logger.setLevel("ERROR")
    try:
        yield
    finally:
        logger.setLevel(before)


_loading = False
_was_loaded_before = False  # TensorFlow, by somebody who lets it tell everything


def _load() -> None:
    global _loading, _was_loaded_before
    if _loading:
        return
    _loading = True
    require_tensorflow_backend()
    if os.environ.get("TFTRAIN_VERBOSE") != "1":
        is_told = "TF_CPP_MIN_LOG_LEVEL" in os.environ
        _was_loaded_before = "tensorflow" in sys.modules and not is_told
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _kept_for_good():
        with quiet_stderr():
            tensorflow = importlib.import_module("tensorflow")
            tensorflow.keras.Model  # noqa: B018 - binds tf.keras before tfmot can rebind it
            tensorflow.config.list_physical_devices()
        _check_loaded(importlib.import_module("keras"))


class LazyModule(types.ModuleType):
    """A module that loads when an attribute is first asked for.

    Args:
        name: The module's full name.
        prepare: What is called before each look into the module.
    """

    def __init__(self, name: str, prepare: Callable[[], None]) -> None:
        super().__init__(name)
        self.__dict__["_prepare"] = prepare

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):  # introspection by doctest and inspect must not load
            raise AttributeError(attribute)
        self._prepare()
        return getattr(importlib.import_module(self.__name__), attribute)


if TYPE_CHECKING:
    import keras
    import tensorflow as tf
else:
    keras = LazyModule("keras", _load)
    tf = LazyModule("tensorflow", _load)
