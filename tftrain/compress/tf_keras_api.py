"""The one door to tf_keras and tfmot: `from tftrain.compress.tf_keras_api import tf_keras, tfmot`.

tfmot works on tf_keras, the continuation of Keras 2, and not on Keras 3
(https://github.com/tensorflow/model-optimization/issues/1119). Importing it sets
`TF_USE_LEGACY_KERAS`, which would turn `tf.keras` into tf_keras, here where nobody has looked at
`tf.keras` yet and in every child process. The door binds `tf.keras` first and then restores the
variable.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

from tftrain.keras_api import LazyModule, tf

_VARIABLE = "TF_USE_LEGACY_KERAS"
_TFMOT = "tensorflow_model_optimization"


def _load() -> None:
    if _TFMOT in sys.modules:
        return
    tf.keras.Model  # noqa: B018 - binds tf.keras to what it is without tfmot
    before = os.environ.get(_VARIABLE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of distutils
            importlib.import_module(_TFMOT)
    finally:
        if before is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = before


def tfmot_module(name: str) -> Any:
    """A module of tfmot that it does not export, such as "clustering.keras.cluster_wrapper"."""
    _load()
    return importlib.import_module(f"{_TFMOT}.python.core.{name}")


if TYPE_CHECKING:
    import tensorflow_model_optimization as tfmot
    import tf_keras
else:
    tf_keras = LazyModule("tf_keras", _load)
    tfmot = LazyModule(_TFMOT, _load)
