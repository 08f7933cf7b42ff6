"""Learning rates that fall from a model's output to its input."""

from __future__ import annotations

from typing import Any

from tftrain.keras_api import keras
from tftrain.training.finetuning.layers import learning_layers


def decayed_rates(model: keras.Model, decay: float) -> dict[str, float]:
    """The factor of each variable's learning rate: `decay ** (layers nearer to the output)`.

    The last layer has 1; a normalization has that of the layer before it. For
    `tftrain.optim.scale_rates`.

    Args:
        model: Built.
        decay: In (0, 1]. The paper has 1/2.6, 0.38.

    Reference: Howard and Ruder, *Universal Language Model Fine-tuning for Text Classification*,
    2018, section 3.2.

    Example:
        >>> from tftrain import models
        >>> rates = decayed_rates(models.mlp((4, 4), hidden=(8, 8)), 0.5)
        >>> [rate for path, rate in rates.items() if path.endswith("kernel")]
        [0.25, 0.5, 1.0]
    """
    layers = learning_layers(model)
    last = layers[-1].depth
    return {v.path: decay ** (last - each.depth) for each in layers for v in each.layer.weights}


def problems(decay: Any) -> list[str]:
    """What is wrong with a decay."""
    if decay is None or (isinstance(decay, (int, float)) and 0 < decay <= 1):
        return []
    return [f"layer_decay is {decay!r}; expected more than 0 and at most 1"]
