"""What cannot be trained in stages, or not equal to one device: said before work starts."""

from __future__ import annotations

from typing import Any

from tftrain.distribute.pipeline.stages import Stage
from tftrain.errors import StrategyError
from tftrain.keras_api import keras

_STEPS = ("train_step", "test_step", "predict_step", "compute_loss", "call")


def model(model: Any) -> None:
    """Checks that a model can be cut into stages.

    Raises:
        StrategyError: It is subclassed, not built, or computes its steps by itself.
    """
    from keras.src.models.functional import Functional

    if not isinstance(model, (Functional, keras.Sequential)):
        raise StrategyError(
            f"model {model.name!r} is a {type(model).__name__}, whose layers are known only by "
            "running it: a pipeline needs a model that can be cut, keras.Sequential or "
            "keras.Model(inputs, outputs)"
        )
    if isinstance(model, keras.Sequential) and model._functional is None:
        raise StrategyError(
            f"model {model.name!r} has no shapes yet, so its layers have no weights to share "
            "out: begin it with keras.Input(shape)"
        )
    kind = keras.Sequential if isinstance(model, keras.Sequential) else Functional
    for name in _STEPS:
        if getattr(type(model), name) is not getattr(kind, name):
            raise StrategyError(
                f"{type(model).__name__} has a {name} of its own, which a pipeline would pass "
                "by: put what it does into layers, a loss or a metric, or train it under another "
                "strategy"
            )


def training(model: Any, micro_batches: int) -> None:
    """Checks that a model trained in micro-batches equals one trained on one device.

    Raises:
        StrategyError: A layer would see something else, all are named.
    """
    without = model.compiled and model._compile_loss is None
    problems = ["it is compiled without a loss"] if without else []
    for layer in model._flatten_layers(include_self=False):
        problem = _layer(layer, micro_batches)
        if problem:
            problems.append(f"layer {layer.name!r} ({type(layer).__name__}) {problem}")
    if problems:
        raise StrategyError("this model cannot be trained in a pipeline: " + "; ".join(problems))


def _layer(layer: Any, micro_batches: int) -> str | None:
    if getattr(layer, "stateful", False):
        return "keeps its state from batch to batch (stateful=True): make it with stateful=False"
    if getattr(layer, "activity_regularizer", None) is not None:
        return (
            "has an activity_regularizer, which depends on how a batch is cut: regularize its "
            "weights instead"
        )
    if micro_batches == 1 or not layer.trainable:
        return None
    if isinstance(layer, keras.layers.BatchNormalization):
        return (
            f"would normalize each of the {micro_batches} micro-batches by itself: use "
            "GroupNormalization or LayerNormalization, freeze it (layer.trainable = False), or "
            "micro_batches=1"
        )
    if isinstance(layer, keras.layers.SpectralNormalization):
        return (
            f"would take {micro_batches} power iterations a step instead of one: use "
            "micro_batches=1"
        )
    return None


def added_losses(stage: Stage) -> None:
    """Checks, after a stage was run, that its layers have not called `add_loss`.

    Raises:
        StrategyError: One has.
    """
    for layer in stage.layers:
        for part in layer._flatten_layers():
            if part._losses:
                raise StrategyError(
                    f"layer {part.name!r} calls add_loss, and how the losses of micro-batches add "
                    "up to that of a batch cannot be known: make what it adds an output of the "
                    "model, with a loss of its own"
                )
