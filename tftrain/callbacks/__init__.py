"""Keras callbacks: progress, the metrics file, checkpoints."""

from tftrain.callbacks.checkpoint import Checkpoint, restore
from tftrain.callbacks.gradient_bytes import GradientBytes
from tftrain.callbacks.metrics_log import MetricsLog
from tftrain.callbacks.progress import Progress

__all__ = ["Checkpoint", "GradientBytes", "MetricsLog", "Progress", "restore"]
