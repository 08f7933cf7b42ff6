"""Optimizers by name."""

from tftrain.optim.gradient_codecs import check_codec, compress_gradients
from tftrain.optim.optimizers import check_name, names, optimizer

__all__ = ["check_codec", "check_name", "compress_gradients", "names", "optimizer"]
