"""tfmot's clustering wrappers, made to be like the layers they wrap.

tfmot's own lose masks and do not see the weights of frozen layers; and they compare each weight
with each cluster in every step, which takes the memory of the weights once for each cluster.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

from tftrain.compress.tf_keras_api import cluster_wrapper, clustering_registry, tf_keras
from tftrain.compress.weight_patterns import WeightPattern, pattern_of
from tftrain.compress.wrapped_layers import pass_masks


class _Sound:
    """What is done otherwise in each of them."""

    def build(self, input_shape: Any) -> None:
        with _thawed(self.layer):
            super().build(input_shape)
        self._patterns = {
            name: self._pattern(name, weight)
            for name, weight in self.original_clusterable_weights.items()
        }
        self._passes_training = "training" in inspect.signature(self.layer.call).parameters

    def _pattern(self, name: str, weight: Any) -> WeightPattern:
        centroids = self.cluster_centroids[name].numpy()
        return pattern_of(weight.numpy(), centroids, keep_zeros=self.preserve_sparsity)

    def clustered(self, name: str) -> Any:
        """A weight with its clusters, by tfmot's name for it."""
        weight = self.original_clusterable_weights[name]
        return self._patterns[name].laid_on(weight, self.cluster_centroids[name])

    def call(self, inputs: Any, training: Any = None, **kwargs: Any) -> Any:
        for name in self._patterns:
            self.set_weight_to_layer(name, self.clustered(name))
        if self._passes_training:
            kwargs["training"] = training
        return self.layer.call(inputs, **kwargs)

    @property
    def trainable_weights(self) -> list[Any]:
        return super().trainable_weights if self.layer.trainable else []


class _Plain(_Sound, cluster_wrapper.ClusterWeights):
    pass


class _Recurrent(_Sound, cluster_wrapper.ClusterWeightsRNN):
    pass


class _Attention(_Sound, cluster_wrapper.ClusterWeightsMHA):
    def call(
        self, query: Any, value: Any, key: Any = None, training: Any = None, **kwargs: Any
    ) -> Any:
        return super().call(query, training, value=value, key=key, **kwargs)


def wrap(layer: Any, clusters: int, centroids: Any, *, keep_zeros: bool) -> Any:
    """A layer in tfmot's wrapper, under the layer's name.

    Args:
        layer: Built, with the weights that the clusters begin from. It is changed.
        clusters: How many.
        centroids: How they begin, one of `tfmot.clustering.keras.CentroidInitialization`.
        keep_zeros: Whether one cluster is zero, and zeros stay in it.
    """
    layers = tf_keras.layers
    if isinstance(layer, (layers.RNN, layers.Bidirectional)):
        kind = _Recurrent
    else:
        kind = _Attention if isinstance(layer, layers.MultiHeadAttention) else _Plain
    wrapper = kind(layer, clusters, centroids, keep_zeros, name=layer.name)
    return pass_masks(wrapper)


def clusterable(layer: Any) -> list[np.ndarray]:
    """What would be clustered in a layer, built; nothing where tfmot does not know it.

    Frozen layers are clustered as well, though not trained.
    """
    registry = clustering_registry.ClusteringRegistry
    with _thawed(layer):
        if not layer.weights or not registry.supports(layer):
            return []
        weights = registry.make_clusterable(layer).get_clusterable_weights()
    return [weight.numpy() for _, weight in weights]


@contextlib.contextmanager
def _thawed(layer: Any) -> Iterator[None]:
    """A layer as if it were not frozen: tfmot sees no weights in one that is."""
    frozen = not layer.trainable
    if frozen:
        layer.trainable = True
    yield
    if frozen:
        layer.trainable = False
