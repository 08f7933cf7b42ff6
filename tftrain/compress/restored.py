"""The Keras 3 model that comes out of a compression, and the strategy it all runs under."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from tftrain.compress import layer_graphs
from tftrain.compress.compile_translation import compile_alike
from tftrain.compress.model_kinds import KERAS
from tftrain.compress.twin import Twin
from tftrain.errors import NotFiniteWeights
from tftrain.keras_api import keras, tf


def strategy_scope(model: keras.Model) -> Any:
    """The scope of the strategy that is open, else of the one the model was made under."""
    if tf.distribute.has_strategy():
        return contextlib.nullcontext()
    strategy = getattr(model, "_distribute_strategy", None)
    return strategy.scope() if strategy is not None else contextlib.nullcontext()


def restored(
    twin: Twin, weights: dict[str, list[np.ndarray]], history: dict[str, list[float]]
) -> keras.Model:
    """A copy of the twin's source with the weights of the trained twin.

    Args:
        twin: What was trained.
        weights: As `get_weights` gives them, by the layer's name in the twin.
        history: Losses and metrics, a number an epoch.

    Returns:
        A model compiled like the source, if that is compiled.

    Raises:
        NotFiniteWeights: The training has diverged.
    """
    diverged = [name for name, of_layer in weights.items() if not all(map(_finite, of_layer))]
    if diverged:
        raise NotFiniteWeights(diverged)
    source = twin.source
    with strategy_scope(source):
        model = keras.models.clone_model(source)
        if source.compiled:
            compile_alike(model, source)
    graph = layer_graphs.read(model, KERAS)
    for layer in graph.layers():
        layer.set_weights(weights[graph.names[id(layer)]])
    model.history = keras.callbacks.History()
    model.history.history = history
    model.history.epoch = list(range(len(history.get("loss", ()))))
    return model


def _finite(values: np.ndarray) -> bool:
    return bool(np.all(np.isfinite(values.astype("float32"))))
