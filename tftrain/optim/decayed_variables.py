"""Which variables weight decay and penalties act on: kernels and embeddings, nothing else."""

from __future__ import annotations

import re
from typing import Any

_SPARED = re.compile(r"(^|_)(bias|gamma|beta|scale|alpha)(_|\d|$)")


def takes_decay(variable: Any) -> bool:
    """Whether a variable is a kernel or an embedding, by its name and by what it is.

    Biases and the scales and shifts of normalization have one axis, whatever they are called;
    those that have more (the biases of attention and of GRU, normalization over several axes)
    are known by Keras's names for them.

    Args:
        variable: A `keras.Variable`.

    Example:
        >>> from tftrain.keras_api import keras
        >>> layer = keras.layers.GRU(2)
        >>> layer.build((None, 5, 3))
        >>> [v.name for v in layer.trainable_variables if takes_decay(v)]
        ['kernel', 'recurrent_kernel']
    """
    return len(variable.shape) >= 2 and not _SPARED.search(variable.name)
