"""Record sets: sharded TFRecord files with a manifest that says what each of them must be."""

from tftrain.data.records.reading import naming_damage
from tftrain.data.records.record_set import RecordSet, RecordSplit, read
from tftrain.data.records.record_set import open_set as open
from tftrain.data.records.verification import Verified, verify
from tftrain.data.records.writing import write

__all__ = [
    "RecordSet",
    "RecordSplit",
    "Verified",
    "naming_damage",
    "open",
    "read",
    "verify",
    "write",
]
