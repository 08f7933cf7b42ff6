"""Judge a trained model."""

from tftrain.evaluate.quality import Quality, quality, worst_mistakes

__all__ = ["Quality", "quality", "worst_mistakes"]
