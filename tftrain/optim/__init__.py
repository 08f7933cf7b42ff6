"""Optimizers by name, and codecs that make gradients smaller between replicas."""

from tftrain.optim import codecs
from tftrain.optim.gradient_codecs import check_codec, compress_gradients, gradient_bytes
from tftrain.optim.optimizers import check_name, names, optimizer

__all__ = [
    "check_codec",
    "check_name",
    "codecs",
    "compress_gradients",
    "gradient_bytes",
    "names",
    "optimizer",
]
