"""Train Keras 3 models on TensorFlow at scale.

Importing tftrain costs milliseconds: TensorFlow and Keras load when first used.

Example:
    >>> import tftrain
    >>> splits = tftrain.data.load("digits")
    >>> splits.train.x.shape[1:], splits.info.classes
    ((8, 8, 1), 10)

Imported before Keras, it also makes TensorFlow the backend of a plain `import keras`, whatever
Keras's own settings file says.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tftrain import (  # noqa: F401
        app,
        augment,
        callbacks,
        compress,
        data,
        distribute,
        errors,
        evaluate,
        export,
        models,
        optim,
        planning,
        report,
        sweeps,
        training,
    )
    from tftrain.training.fitting import fit

__version__ = "0.1.0"

_SUBPACKAGES = (
    "app",
    "augment",
    "callbacks",
    "compress",
    "data",
    "distribute",
    "errors",
    "evaluate",
    "export",
    "models",
    "optim",
    "planning",
    "report",
    "sweeps",
    "training",
)

__all__ = ["__version__", "fit", *_SUBPACKAGES]

os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return importlib.import_module(f"tftrain.{name}")
    if name == "fit":
        return importlib.import_module("tftrain.training.fitting").fit
    raise AttributeError(f"module 'tftrain' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
