"""Penalties on the weights of a model that exists already."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any

from tftrain.errors import BadInput
from tftrain.keras_api import keras
from tftrain.optim.decayed_variables import takes_decay


def regularize(model: keras.Model, *, l1: float = 0.0, l2: float = 0.0) -> keras.Model:
    """Adds `l1 * sum(|w|) + l2 * sum(w^2)` of every kernel and embedding to the model's loss.

    Biases and normalization are left alone, frozen layers too. The penalty is a part of the loss
    that Keras reports. It is written into the layers' configuration, so a saved and loaded model
    has it; where a layer's configuration has no place for it, a warning names the weights.

    Args:
        model: Built: functional, sequential, nested or subclassed; changed.
        l1: Not negative.
        l2: Not negative; twice this is the weight decay to which it amounts under plain SGD.

    Returns:
        The model.

    Raises:
        BadInput: A number is negative, the model has no weights yet, or a weight has a penalty.

    Warns:
        UserWarning: The penalty of some weights will not survive saving and loading.

    Example:
        >>> ones = keras.layers.Dense(3, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), ones])
        >>> [float(loss) for loss in regularize(model, l2=0.5).losses]
        [3.0]
    """
    for problem in problems(l1=l1, l2=l2):
        raise BadInput(problem)
    penalized = list(_weights(model))
    _check(model, [variable for _, variable in penalized])
    for layer, variable in penalized:
        variable.regularizer = keras.regularizers.L1L2(l1, l2)
        _note(layer, variable)
    _note_composites(model)
    model.train_function = None  # made without the penalty
    _warn_of_what_is_lost(model)
    return model


def problems(*, l1: float | None = None, l2: float | None = None) -> Iterator[str]:
    """What is wrong with the penalties, in full sentences."""
    for name, value in (("l1", l1), ("l2", l2)):
        if value is not None and not 0 <= value < math.inf:
            yield f"{name} is {value}; expected 0 or a positive number"


def _weights(model: keras.Model) -> Iterator[tuple[Any, Any]]:
    """Each layer that owns a weight to be penalized, and the weight, once."""
    trained = {id(variable) for variable in model.trainable_variables}
    for layer in model._flatten_layers():
        for variable in layer._trainable_variables:
            if id(variable) in trained and takes_decay(variable):
                trained.remove(id(variable))
                yield layer, variable


def _check(model: keras.Model, variables: list[Any]) -> None:
    if not variables:
        raise BadInput(
            f"model {model.name!r} has no kernel to penalize: build it first, by an Input layer "
            "or by calling it"
        )
    for variable in variables:
        if variable.regularizer is not None:
            raise BadInput(
                f"{variable.path!r} has a penalty already: give it once, to the layer or here"
            )


def _note(layer: Any, variable: Any) -> None:
    """Writes the penalty where the layer's configuration takes it from."""
    stem = variable.name.removesuffix("_kernel")
    for name in (f"{variable.name}_regularizer", f"{stem}_regularizer", "depthwise_regularizer"):
        if hasattr(layer, name):
            setattr(layer, name, variable.regularizer)
            return


def _note_composites(model: keras.Model) -> None:
    """Attention keeps the penalty of the dense layers inside it by itself."""
    for layer in model._flatten_layers():
        parts = list(layer._flatten_layers(include_self=False))
        kept = [part.kernel_regularizer for part in parts if hasattr(part, "kernel_regularizer")]
        if hasattr(layer, "_kernel_regularizer") and any(kept):
            layer._kernel_regularizer = next(one for one in kept if one)


def _warn_of_what_is_lost(model: keras.Model) -> None:
    lost = _lost(model)
    if lost:
        warnings.warn(
            f"the penalty of {', '.join(lost)} acts now, but is not saved with the model: call "
            "regularize again after loading it",
            stacklevel=3,
        )


def _lost(model: keras.Model) -> list[str]:
    """The penalized weights that a model made from the configuration does not penalize."""
    penalized = [v.path for v in model.trainable_variables if v.regularizer is not None]
    try:
        again = keras.models.clone_model(model)
    except Exception:  # whatever a configuration that cannot be read raises
        return penalized
    kept = zip(model.trainable_variables, again.trainable_variables, strict=True)
    return [old.path for old, new in kept if old.regularizer and not new.regularizer]
