"""Record sets: sharded TFRecord files with a manifest that says what each of them must be."""

from tftrain.data.records.record_set import RecordSet, RecordSplit, read
from tftrain.data.records.record_set import open_set as open

__all__ = ["RecordSet", "RecordSplit", "open", "read"]
