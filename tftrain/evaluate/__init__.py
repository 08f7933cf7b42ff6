"""Judge a trained model."""

from tftrain.evaluate import corruptions, paired_tests, precisions
from tftrain.evaluate.answers import predict, probabilities
from tftrain.evaluate.comparison import Comparison, Pair, compare
from tftrain.evaluate.quality import Quality, quality, worst_mistakes
from tftrain.evaluate.stabilities import Stability, stability

__all__ = [
    "Comparison",
    "Pair",
    "Quality",
    "Stability",
    "compare",
    "corruptions",
    "paired_tests",
    "precisions",
    "predict",
    "probabilities",
    "quality",
    "stability",
    "worst_mistakes",
]
