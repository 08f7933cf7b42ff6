"""A server of TF Serving's protocols for development and tests; production uses the official one.

Nothing here imports TensorFlow until a model is loaded.
"""

from tftrain.export.batching_file import Batching
from tftrain.serve.core import Core
from tftrain.serve.terms import Answer, Limits, Metrics, NoMetrics, Target, VersionStatus

__all__ = [
    "Answer",
    "Batching",
    "Core",
    "Limits",
    "Metrics",
    "NoMetrics",
    "Target",
    "VersionStatus",
]
