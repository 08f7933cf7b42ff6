"""Keras callbacks: progress, metrics, resources; saving, preemption, bad steps; rates, weights.

Early stopping is Keras's own, `keras.callbacks.EarlyStopping`, and needs nothing of ours.
"""

from tftrain.callbacks.checkpoint import Checkpoint, position_in
from tftrain.callbacks.gradient_bytes import GradientBytes
from tftrain.callbacks.gradient_clipping import GradientClipping
from tftrain.callbacks.gradient_statistics import GradientStatistics
from tftrain.callbacks.learning_rate import LearningRateDecay
from tftrain.callbacks.learning_rate_finder import LearningRateFinder
from tftrain.callbacks.live_status import LiveStatus
from tftrain.callbacks.metrics_log import MetricsLog
from tftrain.callbacks.nan_guard import NanGuard
from tftrain.callbacks.preemption import Preemption
from tftrain.callbacks.progress import Progress
from tftrain.callbacks.resources import ResourceMonitor
from tftrain.callbacks.weight_averaging import WeightAveraging
from tftrain.callbacks.weight_clipping import WeightClipping

__all__ = [
    "Checkpoint",
    "GradientBytes",
    "GradientClipping",
    "GradientStatistics",
    "LearningRateDecay",
    "LearningRateFinder",
    "LiveStatus",
    "MetricsLog",
    "NanGuard",
    "Preemption",
    "Progress",
    "ResourceMonitor",
    "WeightAveraging",
    "WeightClipping",
    "position_in",
]
