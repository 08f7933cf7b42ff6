"""Keras models, of Keras 3 and of tf_keras, as LiteRT files (`.tflite`), and those run.

`compress` and `export` are built on it: what they return is checked against the source, what
`convert` returns is not yet.
"""

from tftrain.litert.conversion import convert
from tftrain.litert.examples import example_inputs
from tftrain.litert.lite_model import LiteModel
from tftrain.litert.modes import MODES
from tftrain.litert.verification import converted_alike, require_alike

__all__ = ["MODES", "LiteModel", "convert", "converted_alike", "example_inputs", "require_alike"]
