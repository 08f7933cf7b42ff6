"""Datasets by name, record sets, and the batches training draws from them."""

from tftrain.data import records
from tftrain.data.examples import Examples, Info, Splits
from tftrain.data.pipeline import pipeline, steps_per_epoch
from tftrain.data.sources import BUILT_IN, RECORDS, check_name, load, short_name
from tftrain.data.task_labels import known_labels

__all__ = [
    "BUILT_IN",
    "RECORDS",
    "Examples",
    "Info",
    "Splits",
    "check_name",
    "known_labels",
    "load",
    "pipeline",
    "records",
    "short_name",
    "steps_per_epoch",
]
