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
from typing import TYPE_CHECKING

from tftrain.keras_api import LazyModule, tf

_VARIABLE = "TF_USE_LEGACY_KERAS"
_TFMOT = "tensorflow_model_optimization"

# What tfmot's public names leave out.
_PRUNING = f"{_TFMOT}.python.core.sparsity.keras"
_CLUSTERING = f"{_TFMOT}.python.core.clustering.keras"
_QUANTIZATION = f"{_TFMOT}.python.core.quantization.keras.default_8bit"


def _load() -> None:
    if _TFMOT in sys.modules:
        return
    tf.keras.Model  # noqa: B018 - binds tf.keras to what it is without tfmot
    before = os.environ.get(_VARIABLE)
    try:
        with warnings.catch_warnings():  # tfmot asks distutils for its version
            warnings.simplefilter("ignore", DeprecationWarning)
            importlib.import_module(_TFMOT)
    finally:
        if before is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = before


if TYPE_CHECKING:
    import tensorflow_model_optimization as tfmot
    import tf_keras
    from tensorflow_model_optimization.python.core.clustering.keras import (
        cluster_wrapper,
        clustering_registry,
    )
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
        default_8bit_quantize_layout_transform,
        default_8bit_quantize_registry,
    )
    from tensorflow_model_optimization.python.core.sparsity.keras import (
        prune_registry,
        pruning_wrapper,
    )
else:
    tf_keras = LazyModule("tf_keras", _load)
    tfmot = LazyModule(_TFMOT, _load)
    cluster_wrapper = LazyModule(f"{_CLUSTERING}.cluster_wrapper", _load)
    clustering_registry = LazyModule(f"{_CLUSTERING}.clustering_registry", _load)
    default_8bit_quantize_layout_transform = LazyModule(
        f"{_QUANTIZATION}.default_8bit_quantize_layout_transform", _load
    )
    default_8bit_quantize_registry = LazyModule(
        f"{_QUANTIZATION}.default_8bit_quantize_registry", _load
    )
    prune_registry = LazyModule(f"{_PRUNING}.prune_registry", _load)
    pruning_wrapper = LazyModule(f"{_PRUNING}.pruning_wrapper", _load)
