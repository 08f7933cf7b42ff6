"""Judge a trained model: how good its answers are, and how fast they come."""

from tftrain.evaluate.answers import predict, probabilities
from tftrain.evaluate.calibration import Calibration, calibration
from tftrain.evaluate.confidence import accuracy_interval
from tftrain.evaluate.mistakes import Mistake, worst_mistakes
from tftrain.evaluate.named_metrics import check_names as check_metrics
from tftrain.evaluate.named_metrics import known as known_metrics
from tftrain.evaluate.named_metrics import metrics
from tftrain.evaluate.quality import Quality, quality
from tftrain.evaluate.speed import Speed, speed
from tftrain.evaluate.startup import Startup, startup
from tftrain.evaluate.temperature import fit_temperature, with_temperature

__all__ = [
    "Calibration",
    "Mistake",
    "Quality",
    "Speed",
    "Startup",
    "accuracy_interval",
    "calibration",
    "check_metrics",
    "fit_temperature",
    "known_metrics",
    "metrics",
    "predict",
    "probabilities",
    "quality",
    "speed",
    "startup",
    "with_temperature",
    "worst_mistakes",
]
