"""Write trained models in the forms that others load: SavedModel, .keras, .h5, .tflite."""

from tftrain.export.description import described
from tftrain.export.model_files import h5, keras
from tftrain.export.saved_model import saved_model
from tftrain.export.tflite import tflite

__all__ = ["described", "h5", "keras", "saved_model", "tflite"]
