"""Learning from images without labels: models and losses to train with `fit`, then to fine-tune.

Example:
    >>> import numpy as np
    >>> from tftrain.keras_api import keras
    >>> from tftrain.training import pretraining
    >>> images = np.zeros((8, 8, 8, 1), "float32")
    >>> encoder = keras.Sequential(
    ...     [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(16, name="dense")]
    ... )
    >>> model = pretraining.masked_autoencoder(encoder, patch=2)
    >>> model.compile("adam", "mse")
    >>> _ = model.fit(images, images, verbose=0)
"""

from tftrain.training.pretraining.contrastive import contrastive, nt_xent
from tftrain.training.pretraining.masked_autoencoder import mask_patches, masked_autoencoder
from tftrain.training.pretraining.views import two_views, unlabelled

__all__ = [
    "contrastive",
    "mask_patches",
    "masked_autoencoder",
    "nt_xent",
    "two_views",
    "unlabelled",
]
