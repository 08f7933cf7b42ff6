"""Quantization-aware training: a model learns to do with weights and activations of 8 bits."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Any

import numpy as np

from tftrain import litert
from tftrain.compress import fine_tuning, layer_graphs
from tftrain.compress.activation_ranges import begin_ranges, share_ranges
from tftrain.compress.chosen_layers import choose
from tftrain.compress.compile_translation import require_compiled
from tftrain.compress.fine_tuning import FineTuning
from tftrain.compress.model_kinds import TF_KERAS
from tftrain.compress.quantizable_layers import QuantizableLayers
from tftrain.compress.restored import restored, strategy_scope
from tftrain.compress.tf_keras_api import tf_keras, tfmot
from tftrain.compress.twin import Twin, to_tf_keras
from tftrain.compress.weight_patterns import has_zeros, is_clustered
from tftrain.errors import CompressionError
from tftrain.keras_api import keras
from tftrain.notices import notice


@dataclasses.dataclass(frozen=True)
class QuantizedAware:
    """What quantization-aware training gives.

    Attributes:
        model: Of Keras 3, with the trained weights in floats; compiled like the source. Its
            `history` holds losses and metrics as the 8 bits had them in training.
        lite: The model for LiteRT, weights and activations of 8 bits, inputs and outputs floats.
        zeros: Names of the layers whose zeros were kept.
        clusters: Names of the layers whose clusters were kept.
    """

    model: keras.Model
    lite: litert.LiteModel
    zeros: tuple[str, ...]
    clusters: tuple[str, ...]


def quantize_aware(
    model: keras.Model,
    train: Any,
    *,
    keep_zeros: bool | None = None,
    keep_clusters: bool | None = None,
    only: Collection[str] | None = None,
    skip: Collection[str] = (),
    **tuning: Any,
) -> QuantizedAware:
    """Trains a model on with the rounding that 8 bits bring, and converts it.

    By tfmot, on the model's twin (B. Jacob et al.: Quantization and training of neural networks
    for efficient integer-arithmetic-only inference, 2018, https://arxiv.org/abs/1712.05877).
    Where `quantize(mode="int8")` costs little accuracy, it is the quicker way.

    Args:
        model: Functional or Sequential, trained and compiled. It is left as it is. In mixed
            precision it is trained in single precision meanwhile.
        train: `(x, y)`, `(x, y, sample_weight)`, or a dataset of such batches.
        keep_zeros: Whether zeros stay zeros. By default they do in layers that have any.
        keep_clusters: Whether weights that share a value go on sharing one. By default they do in
            layers that have clusters.
        only: Names of the layers to quantize, those of nested models as "outer_inner" where the
            plain name is taken; None for all.
        skip: Names of layers to leave in floats, such as those that cannot be quantized.
        **tuning: Fields of `FineTuning`: epochs, batch_size, validation, callbacks, optimizer,
            learning_rate, steps_per_epoch, seed, verbose.

    Returns:
        The model in floats and in 8 bits.

    Raises:
        CompressionError: It cannot be done, every layer in the way with its reason; said before
            training.
        UnknownName: There is no such layer.
        NotFiniteWeights: The training has diverged.
        ConversionFailed: LiteRT's converter gave up, or what it wrote answers otherwise.

    Example:
        >>> import numpy as np, tftrain
        >>> x, y = np.random.default_rng(0).normal(size=(64, 8)), np.arange(64) % 2
        >>> model = tftrain.models.mlp((8,), hidden=(16,), classes=2)
        >>> model.compile("adam", "sparse_categorical_crossentropy")
        >>> quantized = quantize_aware(model, (x, y), epochs=1, batch_size=8)
        >>> quantized.lite.predict(x.astype("float32")).shape
        (64, 2)
    """
    settings = FineTuning(**tuning)
    settings.check(train)
    require_compiled(model)
    fine_tuning.begin(settings.seed)
    with strategy_scope(model):
        twin = to_tf_keras(model, single_precision=True)
        chosen, annotated = _chosen(twin, only, skip)
        kept = _kept(twin, chosen, keep_zeros, keep_clusters)
        wrapped = _wrapped(twin, annotated, kept)
        examples = litert.example_inputs(wrapped, train, seed=settings.seed)
        begin_ranges(wrapped, examples)
        settings.compile(wrapped, model)
    if len(annotated) < len(twin.layers):
        _require_convertible(wrapped)
    history = settings.fit(wrapped, train)
    with strategy_scope(model):
        _settle(wrapped)
    trained = restored(twin, _weights(wrapped, twin), history)
    return QuantizedAware(trained, _converted(wrapped, examples), *map(tuple, kept))


def _chosen(
    twin: Twin, only: Collection[str] | None, skip: Collection[str]
) -> tuple[list[str], set[str]]:
    """Names of the layers whose weights are quantized, and of all that are annotated."""
    layers = QuantizableLayers(twin.model)
    problems = layers.problems(skip) if only is None else []
    if problems:
        raise CompressionError(problems)
    names = choose(layers.able(), twin.layers, only=only, skip=skip, what="quantized")
    left = [name for name in layers.weightless(able=False) if name not in skip]
    if left:
        notice(f"left in floats, since tfmot does not quantize them: {', '.join(left)}")
    others = {name for name in layers.weightless(able=True) if name not in skip}
    return names, {*names, *others}


def _kept(
    twin: Twin, names: list[str], keep_zeros: bool | None, keep_clusters: bool | None
) -> tuple[list[str], list[str]]:
    """Names of the layers whose zeros, and of those whose clusters are kept."""
    kernels = {name: _kernel(twin, name) for name in names}
    kept = []
    for wanted, has, what, remedy in (
        (keep_zeros, has_zeros, "zeros", "prune"),
        (keep_clusters, is_clustered, "clusters", "cluster"),
    ):
        found = [name for name, kernel in kernels.items() if kernel is not None and has(kernel)]
        if wanted and not found:
            raise CompressionError(
                [f"keep_{what} is True, but no layer to quantize has {what}: {remedy} it first"]
            )
        kept.append(found if wanted in (None, True) else [])
        if kept[-1]:
            notice(f"quantization-aware training keeps the {what} of {', '.join(found)}")
    return kept[0], kept[1]


def _kernel(twin: Twin, name: str) -> np.ndarray | None:
    kernels = [weight for weight in twin.model.get_layer(name).weights if weight.shape.rank > 1]
    return kernels[0].numpy() if kernels else None


def _wrapped(twin: Twin, annotated: set[str], kept: tuple[list[str], list[str]]) -> Any:
    from tftrain.compress.quantization_scheme import KeepingScheme  # loads tfmot

    annotate = tfmot.quantization.keras.quantize_annotate_layer
    graph = layer_graphs.read(twin.model, TF_KERAS)
    model, _ = layer_graphs.rebuild(
        graph, tf_keras, lambda layer, name: annotate(layer) if name in annotated else layer
    )
    zeros, clusters = kept
    scheme = KeepingScheme(lambda name: (name in zeros, name in clusters))
    wrapped = tfmot.quantization.keras.quantize_apply(model, scheme, quantized_layer_name_prefix="")
    for layer in _quantizing(wrapped):
        if not layer.trainable:
            _freeze(layer)
    return wrapped


def _freeze(wrapper: Any) -> None:
    """tfmot trains the weights that it quantizes even where the layer is frozen."""
    wrapper._non_trainable_weights.extend(wrapper._trainable_weights)
    wrapper._trainable_weights.clear()


def _quantizing(wrapped: Any) -> list[Any]:
    return [layer for layer in wrapped.layers if hasattr(layer, "quantize_config")]


def _kernels(wrapper: Any) -> list[tuple[Any, Any, dict[str, Any]]]:
    from tftrain.compress.quantization_scheme import KeepingQuantizer  # loads tfmot

    return [found for found in wrapper._weight_vars if isinstance(found[1], KeepingQuantizer)]


def _settle(wrapped: Any) -> None:
    share_ranges(wrapped)
    for layer in _quantizing(wrapped):
        for variable, quantizer, variables in _kernels(layer):
            quantizer.settle(variable, variables)


def _require_convertible(wrapped: Any) -> None:
    """Raises ConversionFailed now, and not after the training, for layers that stay in floats."""
    _settle(wrapped)
    litert.convert(wrapped, "int8")
    for layer in _quantizing(wrapped):
        for _, quantizer, _ in _kernels(layer):
            quantizer.settled = False


def _weights(wrapped: Any, twin: Twin) -> dict[str, list[np.ndarray]]:
    """Weights of the trained model by the twin's layers, in the layers' own order."""
    found = {}
    for layer in twin.model.layers:
        trained = wrapped.get_layer(layer.name)
        if hasattr(trained, "quantize_config"):
            by_name = {_name(variable): variable.numpy() for variable in trained.weights}
            found[layer.name] = [by_name[_name(variable)] for variable in layer.weights]
        else:
            found[layer.name] = trained.get_weights()
    return found


def _name(variable: Any) -> str:
    return variable.name.split(":")[0].split("/")[-1]


def _converted(wrapped: Any, examples: dict[str, np.ndarray]) -> litert.LiteModel:
    lite = litert.convert(wrapped, "int8")
    litert.require_alike(wrapped, lite, examples, "int8")
    return lite
