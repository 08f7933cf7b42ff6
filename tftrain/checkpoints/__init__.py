"""Everything a training needs to go on as if it had never stopped, on disk."""

from tftrain.checkpoints.background import BackgroundWriter
from tftrain.checkpoints.storage import CheckpointFolder, Saved

__all__ = ["BackgroundWriter", "CheckpointFolder", "Saved"]
