"""Optimizers by name."""

from tftrain.optim.optimizers import check_name, names, optimizer

__all__ = ["check_name", "names", "optimizer"]
