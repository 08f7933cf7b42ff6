"""Judge a trained model: how good its answers are, how fast they come, how much that moves."""

from tftrain.evaluate import corruptions, paired_tests, precisions
from tftrain.evaluate.answers import predict, probabilities
from tftrain.evaluate.calibration import Calibration, CalibrationBin, calibration
from tftrain.evaluate.call_speed import CallSpeed
from tftrain.evaluate.comparison import Comparison, Pair, compare
from tftrain.evaluate.confidence import accuracy_interval
from tftrain.evaluate.inference import InferenceSpeed
from tftrain.evaluate.mistakes import Mistake, worst_mistakes
from tftrain.evaluate.named_metrics import check_names as check_metrics
from tftrain.evaluate.named_metrics import known as known_metrics
from tftrain.evaluate.named_metrics import metrics
from tftrain.evaluate.quality import Quality, quality
from tftrain.evaluate.speed import Speed, speed
from tftrain.evaluate.stabilities import Stability, StabilityRow, StabilitySummary, stability
from tftrain.evaluate.startup import Startup, startup
from tftrain.evaluate.temperature import fit_temperature, with_temperature
from tftrain.evaluate.training_steps import TrainingSpeed

__all__ = [
    "Calibration",
    "CalibrationBin",
    "CallSpeed",
    "Comparison",
    "InferenceSpeed",
    "Mistake",
    "Pair",
    "Quality",
    "Speed",
    "Stability",
    "StabilityRow",
    "StabilitySummary",
    "Startup",
    "TrainingSpeed",
    "accuracy_interval",
    "calibration",
    "check_metrics",
    "compare",
    "corruptions",
    "fit_temperature",
    "known_metrics",
    "metrics",
    "paired_tests",
    "precisions",
    "predict",
    "probabilities",
    "quality",
    "speed",
    "stability",
    "startup",
    "with_temperature",
    "worst_mistakes",
]
