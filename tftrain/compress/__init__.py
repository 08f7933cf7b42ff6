"""Smaller models: pruning, clustering, quantization, by tfmot where it is a matter of training.

tfmot refuses Keras 3 models. Here a Keras 3 model goes in, tfmot works on its twin in tf_keras,
and a Keras 3 model or a LiteRT file comes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tftrain.compress.cluster import cluster
from tftrain.compress.fine_tuning import FineTuning
from tftrain.compress.keep_zeros import keep_zeros
from tftrain.compress.plan import Plan
from tftrain.compress.prune import prune
from tftrain.compress.quantize import quantize
from tftrain.compress.quantize_aware import QuantizedAware, quantize_aware
from tftrain.compress.reports import Report, report
from tftrain.compress.stages import stages
from tftrain.compress.twin import Twin, to_keras, to_tf_keras
from tftrain.compress.variants import Variant
from tftrain.compress.weight_cuts import limit_weights, restrict_weights, threshold_weights

if TYPE_CHECKING:
    from tftrain.compress.zero_mask import KeepZeros

__all__ = [
    "FineTuning",
    "KeepZeros",
    "Plan",
    "QuantizedAware",
    "Report",
    "Twin",
    "Variant",
    "cluster",
    "keep_zeros",
    "limit_weights",
    "prune",
    "quantize",
    "quantize_aware",
    "register",
    "report",
    "restrict_weights",
    "stages",
    "threshold_weights",
    "to_keras",
    "to_tf_keras",
]


def __getattr__(name: str) -> Any:
    if name == "KeepZeros":  # its class needs Keras, which importing this package must not load
        from tftrain.compress.zero_mask import KeepZeros

        return KeepZeros
    raise AttributeError(f"module 'tftrain.compress' has no attribute {name!r}")


def register() -> None:
    """Makes Keras know the constraint of `keep_zeros`, so that it can load models that have it.

    To be called before `keras.saving.load_model`; the `tftrain` command does.
    """
    from tftrain.compress import zero_mask  # noqa: F401 - registers
