"""Ways to make the gradients that replicas exchange smaller, one a file.

Importing this package costs nothing: TensorFlow loads when a codec first works.
"""

from tftrain.optim.codecs.codec import BYTES_OF_FLOAT, Codec, Level
from tftrain.optim.codecs.half_precision import Bf16, Fp16
from tftrain.optim.codecs.int8 import Int8
from tftrain.optim.codecs.names import FORMS, named
from tftrain.optim.codecs.power_sgd import PowerSGD
from tftrain.optim.codecs.top_k import TopK

__all__ = [
    "BYTES_OF_FLOAT",
    "FORMS",
    "Bf16",
    "Codec",
    "Fp16",
    "Int8",
    "Level",
    "PowerSGD",
    "TopK",
    "named",
]
