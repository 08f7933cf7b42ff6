"""Weight clustering: each kernel gets along with a few different numbers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from tftrain.compress import fine_tuning, layer_graphs
from tftrain.compress.chosen_layers import choose
from tftrain.compress.compile_translation import require_compiled
from tftrain.compress.fine_tuning import FineTuning
from tftrain.compress.model_kinds import TF_KERAS
from tftrain.compress.restored import restored, strategy_scope
from tftrain.compress.tf_keras_api import tf_keras, tfmot
from tftrain.compress.twin import Twin, to_tf_keras
from tftrain.compress.weight_patterns import has_zeros, values_of
from tftrain.errors import CompressionError, UnknownName
from tftrain.keras_api import keras
from tftrain.notices import notice

CLUSTERS = 16
CENTROIDS = {
    "kmeans++": "KMEANS_PLUS_PLUS",
    "density": "DENSITY_BASED",
    "linear": "LINEAR",
    "random": "RANDOM",
}


def cluster(
    model: keras.Model,
    train: Any,
    clusters: int = CLUSTERS,
    *,
    centroids: str = "kmeans++",
    keep_zeros: bool | None = None,
    only: Collection[str] | None = None,
    skip: Collection[str] = (),
    **tuning: Any,
) -> keras.Model:
    """Trains a model on while the weights of each layer share a few values.

    By tfmot, on the model's twin (S. Han, H. Mao, W. J. Dally: Deep compression, 2016,
    https://arxiv.org/abs/1510.00149): the values train, and weights may change from one to
    another. Files of such models are as large as before, but compress well. Kernels of dense,
    convolutional and recurrent layers, embeddings and attention are clustered, pointwise kernels
    of separable convolutions too; depthwise kernels and biases are not.

    Args:
        model: Functional or Sequential, trained and compiled. It is left as it is. In mixed
            precision it is trained in single precision meanwhile.
        train: `(x, y)`, `(x, y, sample_weight)`, or a dataset of such batches.
        clusters: Different values of each clustered weight, at least 2; at least 3 where zeros
            are kept. Zero counts as one of them.
        centroids: Which values they begin with: "kmeans++", "density", "linear" or "random".
        keep_zeros: Whether zeros stay zeros. By default they do in layers that have any.
        only: Names of the layers to cluster, those of nested models as "outer_inner" where the
            plain name is taken; None for all that can be.
        skip: Names of layers to leave alone.
        **tuning: Fields of `FineTuning`: epochs, batch_size, validation, callbacks, optimizer,
            learning_rate, steps_per_epoch, seed, verbose.

    Returns:
        A new Keras 3 model of the same structure with the clusters in its weights, compiled like
        the source; `history` holds the losses and metrics of the training. Any further training
        but `quantize_aware` moves the weights apart again, so prune before you cluster.

    Raises:
        CompressionError: It cannot be done; said before training.
        UnknownName: There is no such layer or way to begin.
        NotFiniteWeights: The training has diverged.

    Example:
        >>> import numpy as np, tftrain
        >>> x, y = np.random.default_rng(0).normal(size=(64, 8)), np.arange(64) % 2
        >>> model = tftrain.models.mlp((8,), hidden=(16,), classes=2)
        >>> model.compile("adam", "sparse_categorical_crossentropy")
        >>> clustered = cluster(model, (x, y), 4, epochs=1, batch_size=8)
        >>> len(np.unique(clustered.get_layer("hidden_1").kernel.numpy()))
        4
    """
    settings = FineTuning(**tuning)
    settings.check(train)
    _check(clusters, centroids)
    require_compiled(model)
    fine_tuning.begin(settings.seed)
    with strategy_scope(model):
        twin = to_tf_keras(model, single_precision=True)
        kernels = _kernels(twin)
        able = [name for name, found in kernels.items() if found]
        chosen = choose(able, twin.layers, only=only, skip=skip, what="clustered")
        kernels = {name: kernels[name] for name in chosen}
        zeros = _with_zeros(kernels, keep_zeros)
        numbers = _numbers(kernels, clusters, zeros)
        variables = {layer.name: list(layer.weights) for layer in twin.model.layers}
        wrapped = _wrapped(twin, numbers, zeros, CENTROIDS[centroids])
        settings.compile(wrapped, model)
    history = settings.fit(wrapped, train)
    weights = _weights(wrapped, variables)
    _require_clustered(wrapped, clusters)
    return restored(twin, weights, history)


def _check(clusters: Any, centroids: str) -> None:
    if centroids not in CENTROIDS:
        raise UnknownName("way to begin clusters", centroids, CENTROIDS)
    whole = isinstance(clusters, (int, np.integer)) and not isinstance(clusters, bool)
    if not whole or clusters < 2:
        raise CompressionError([f"clusters is {clusters!r}; expected a whole number of at least 2"])


def _with_zeros(kernels: dict[str, list[np.ndarray]], keep_zeros: bool | None) -> set[str]:
    """Names of the layers whose zeros are kept."""
    if keep_zeros is not None:
        return set(kernels) if keep_zeros else set()
    found = [name for name, values in kernels.items() if any(map(has_zeros, values))]
    if found:
        notice(f"clustering keeps the zeros of {', '.join(found)}")
    return set(found)


def _numbers(
    kernels: dict[str, list[np.ndarray]], clusters: int, zeros: set[str]
) -> dict[str, int]:
    """How many clusters each layer gets: no more than it has values.

    Raises:
        CompressionError: One has fewer weights than clusters, or too few values for any.
    """
    if zeros and clusters < 3:
        raise CompressionError(
            [
                f"clusters is {clusters}, but {', '.join(sorted(zeros))} keep their zeros; "
                "expected at least 3: zero, and one on each side of it"
            ]
        )
    problems, numbers = [], {}
    for name, found in kernels.items():
        if (size := min(kernel.size for kernel in found)) < clusters:
            problems.append(
                f"layer {name!r} has a kernel of {size} weights, fewer than {clusters} clusters"
            )
        numbers[name] = min(clusters, *(values_of(kernel) for kernel in found))
        if numbers[name] < (least := 3 if name in zeros else 2):
            problems.append(
                f"layer {name!r} has a kernel of {numbers[name]} different weights; clustering "
                f"needs {least} at least"
            )
    if problems:
        raise CompressionError([f"{one}: leave it out by skip=" for one in problems])
    return numbers


def _kernels(twin: Twin) -> dict[str, list[np.ndarray]]:
    from tftrain.compress.clustering_wrappers import clusterable  # loads tfmot

    return {layer.name: clusterable(layer) for layer in twin.model.layers}


def _wrapped(twin: Twin, numbers: dict[str, int], zeros: set[str], centroids: str) -> Any:
    from tftrain.compress.clustering_wrappers import wrap  # loads tfmot

    way = getattr(tfmot.clustering.keras.CentroidInitialization, centroids)

    def make(layer: Any, name: str) -> Any:
        if name not in numbers:
            return layer
        return wrap(layer, numbers[name], way, keep_zeros=name in zeros)

    graph = layer_graphs.read(twin.model, TF_KERAS)
    return layer_graphs.rebuild(graph, tf_keras, make)[0]


def _weights(wrapped: Any, variables: dict[str, list[Any]]) -> dict[str, list[np.ndarray]]:
    """Weights of the layers with their clusters, in the layers' own order."""
    clustered = {
        id(weight): layer.clustered(name).numpy()
        for layer in _clustering(wrapped)
        for name, weight in layer.original_clusterable_weights.items()
    }
    return {
        name: [clustered.get(id(one), one.numpy()) for one in of_layer]
        for name, of_layer in variables.items()
    }


def _clustering(wrapped: Any) -> list[Any]:
    return [layer for layer in wrapped.layers if hasattr(layer, "original_clusterable_weights")]


def _require_clustered(wrapped: Any, clusters: int) -> None:
    for layer in _clustering(wrapped):
        for name in layer.original_clusterable_weights:
            found = values_of(layer.clustered(name).numpy())
            if found > clusters:
                raise CompressionError(
                    [
                        f"{name} of layer {layer.name!r} has {found} different values after the "
                        f"training instead of {clusters}: this is a defect"
                    ]
                )
