"""Keras callbacks: progress, the metrics file, checkpoints."""

from tftrain.callbacks.checkpoint import Checkpoint, restore
from tftrain.callbacks.metrics_log import MetricsLog
from tftrain.callbacks.progress import Progress

__all__ = ["Checkpoint", "MetricsLog", "Progress", "restore"]
