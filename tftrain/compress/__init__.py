"""Smaller models: pruning, clustering, quantization, by tfmot where it is a matter of training.

tfmot refuses Keras 3 models. Here a Keras 3 model goes in, tfmot works on its twin in tf_keras,
and a Keras 3 model or a LiteRT file comes out.
"""

from tftrain.compress.cluster import cluster
from tftrain.compress.fine_tuning import FineTuning
from tftrain.compress.keep_zeros import KeepZeros, keep_zeros
from tftrain.compress.prune import prune
from tftrain.compress.quantize import quantize
from tftrain.compress.quantize_aware import QuantizedAware, quantize_aware
from tftrain.compress.twin import Twin, to_keras, to_tf_keras
from tftrain.compress.weight_cuts import limit_weights, restrict_weights, threshold_weights

__all__ = [
    "FineTuning",
    "KeepZeros",
    "QuantizedAware",
    "Twin",
    "cluster",
    "keep_zeros",
    "limit_weights",
    "prune",
    "quantize",
    "quantize_aware",
    "restrict_weights",
    "threshold_weights",
    "to_keras",
    "to_tf_keras",
]
