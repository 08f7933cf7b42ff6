"""Magnitude pruning: the smallest weights become zero while the model trains on."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np

from tftrain.compress import fine_tuning
from tftrain.compress.chosen_layers import choose
from tftrain.compress.compile_translation import require_compiled
from tftrain.compress.fine_tuning import FineTuning
from tftrain.compress.restored import restored, strategy_scope
from tftrain.compress.structures import Structure, structure_of
from tftrain.compress.tf_keras_api import prune_registry, pruning_wrapper, tf_keras, tfmot
from tftrain.compress.twin import Twin, to_tf_keras
from tftrain.compress.weight_patterns import is_clustered
from tftrain.compress.wrapped_layers import pass_masks
from tftrain.errors import CompressionError, UnknownName
from tftrain.keras_api import keras
from tftrain.notices import notice

SPARSITY = 0.8
SCHEDULES = ("polynomial", "constant")
_RAMP = 0.6  # of the steps; the others train the weights that are left


def prune(
    model: keras.Model,
    train: Any,
    sparsity: float | None = None,
    *,
    schedule: str = "polynomial",
    structure: str | tuple[int, int] | None = None,
    only: Collection[str] | None = None,
    skip: Collection[str] = (),
    **tuning: Any,
) -> keras.Model:
    """Trains a model on while the weights of smallest magnitude in each layer become zero.

    By tfmot, on the model's twin (M. Zhu, S. Gupta: To prune, or not to prune, 2017,
    https://arxiv.org/abs/1710.01878). Kernels of dense, convolutional and recurrent layers,
    embeddings and attention are pruned, the first and the last layer as well: where accuracy
    suffers, keep those dense by `skip=`. Depthwise kernels, biases and normalization are not.

    Args:
        model: Functional or Sequential, trained and compiled. It is left as it is.
        train: `(x, y)`, `(x, y, sample_weight)`, or a dataset of such batches.
        sparsity: Share of zeros in each pruned weight, at least 0 and below 1; by default 0.8,
            with structure "2:4" always 0.5.
        schedule: "polynomial" lets the share grow from zero, fast at first, for 60% of the steps;
            "constant" cuts at once.
        structure: "2:4" for two zeros in every four neighbours along the input axis; `(h, w)` for
            whole blocks of kernels of two axes; None for single weights.
        only: Names of the layers to prune, those of nested models as "outer_inner" where the
            plain name is taken; None for all that can be.
        skip: Names of layers to leave alone.
        **tuning: Fields of `FineTuning`: epochs, batch_size, validation, callbacks, optimizer,
            learning_rate, steps_per_epoch, seed, verbose.

    Returns:
        A new Keras 3 model of the same structure with the zeros in its weights, compiled like the
        source; `history` holds the losses and metrics of the training. Train it on by
        `keep_zeros`.

    Raises:
        CompressionError: It cannot be done; said before training.
        UnknownName: There is no such schedule or layer.

    Example:
        >>> import numpy as np, tftrain
        >>> x, y = np.random.default_rng(0).normal(size=(64, 8)), np.arange(64) % 2
        >>> model = tftrain.models.mlp((8,), hidden=(16,), classes=2)
        >>> model.compile("adam", "sparse_categorical_crossentropy")
        >>> pruned = prune(model, (x, y), 0.75, epochs=1, batch_size=8)
        >>> kernel = pruned.get_layer("hidden_1").kernel.numpy()
        >>> int((kernel == 0).sum()), kernel.size
        (96, 128)
    """
    settings = FineTuning(**tuning)
    wanted = structure_of(structure, sparsity, SPARSITY)
    if schedule not in SCHEDULES:
        raise UnknownName("pruning schedule", schedule, SCHEDULES)
    require_compiled(model)
    steps = settings.steps(train)
    fine_tuning.begin(settings.seed)
    with strategy_scope(model):
        twin = to_tf_keras(model)
        chosen = choose(_prunable(twin), twin.layers, only=only, skip=skip, what="pruned")
        wrapped = _wrapped(twin, chosen, wanted, _tfmot_schedule(schedule, wanted.sparsity, steps))
        settings.compile(wrapped, model)
        history = settings.fit(wrapped, train, [tfmot.sparsity.keras.UpdatePruningStep()])
        _cut_the_rest(wrapped)
    _require_pruned(wrapped, wanted)
    return restored(twin, _weights(wrapped), history)


def _prunable(twin: Twin) -> list[str]:
    """Names of the layers that have weights to prune."""
    registry = prune_registry.PruneRegistry
    return [
        layer.name
        for layer in twin.model.layers
        if registry.supports(layer) and registry.make_prunable(layer).get_prunable_weights()
    ]


def _tfmot_schedule(name: str, sparsity: float, steps: int) -> Any:
    """Mask updates at a frequency that even a short training reaches the sparsity with."""
    frequency = max(1, min(100, steps // 20))
    sparsities = tfmot.sparsity.keras
    if name == "constant":
        return sparsities.ConstantSparsity(sparsity, begin_step=0, frequency=frequency)
    turns = max(1, math.floor(_RAMP * steps / frequency))
    return sparsities.PolynomialDecay(
        0.0, sparsity, begin_step=0, end_step=turns * frequency, frequency=frequency
    )


def _wrapped(twin: Twin, chosen: list[str], structure: Structure, schedule: Any) -> Any:
    def wrap(layer: Any) -> Any:
        if layer.name not in chosen:
            return layer
        wrapper = tfmot.sparsity.keras.prune_low_magnitude(
            layer, pruning_schedule=schedule, **structure.arguments
        )
        return pass_masks(wrapper)

    by_name = {layer.name: layer for layer in twin.model.layers}
    kernels = {name: _kernels(by_name[name]) for name in chosen}
    structure.check(kernels)
    if clustered := [name for name, found in kernels.items() if any(map(is_clustered, found))]:
        notice(
            f"pruning trains the clustered weights of {', '.join(clustered)} apart: prune "
            "before you cluster"
        )
    return tf_keras.models.clone_model(twin.model, clone_function=wrap)


def _kernels(layer: Any) -> list[np.ndarray]:
    """What is pruned in a layer that is prunable."""
    prunable = prune_registry.PruneRegistry.make_prunable(layer)
    return [weight.numpy() for weight in prunable.get_prunable_weights()]


def _pruners(wrapped: Any) -> list[Any]:
    kind = pruning_wrapper.PruneLowMagnitude
    return [layer for layer in wrapped.layers if isinstance(layer, kind)]


def _cut_the_rest(wrapped: Any) -> None:
    """Brings a training that was stopped early to the share of zeros at its end."""
    for layer in _pruners(wrapped):
        schedule = layer.pruning_schedule
        if 0 <= int(layer.pruning_step.numpy()) < schedule.end_step:
            layer.pruning_step.assign(schedule.end_step)
            layer.pruning_obj.conditional_mask_update()
            layer.pruning_obj.weight_mask_op()


def _require_pruned(wrapped: Any, structure: Structure) -> None:
    short = [
        f"layer {layer.layer.name!r} has {1 - np.count_nonzero(kernel) / kernel.size:.3f} zeros "
        f"after the training instead of {structure.sparsity}: train longer"
        for layer in _pruners(wrapped)
        for kernel in (weight.numpy() for weight in layer.prunable_weights)
        if not structure.holds(kernel)
    ]
    if short:
        raise CompressionError(short)


def _weights(wrapped: Any) -> dict[str, list[np.ndarray]]:
    pruners = {id(layer) for layer in _pruners(wrapped)}
    plain = [layer.layer if id(layer) in pruners else layer for layer in wrapped.layers]
    return {layer.name: layer.get_weights() for layer in plain}
