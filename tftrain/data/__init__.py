"""Datasets by name, and the batches training draws from them."""

from tftrain.data import records
from tftrain.data.examples import Examples, Info, Splits
from tftrain.data.pipeline import steps_per_epoch, training_batches
from tftrain.data.sources import BUILT_IN, check_name, load

__all__ = [
    "BUILT_IN",
    "Examples",
    "Info",
    "Splits",
    "check_name",
    "load",
    "records",
    "steps_per_epoch",
    "training_batches",
]
