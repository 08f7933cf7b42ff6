"""The layers of a model that learn, from its input to its output, nested models looked into."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from typing import Any

from tftrain.keras_api import keras


@dataclasses.dataclass(frozen=True, eq=False)
class NamedLayer:
    """A layer with weights that are learned.

    Attributes:
        name: Its name, after those of the models around it: `backbone/conv_1`.
        layer: It; never a model that is made of layers.
        depth: Its place from the input, from 0. A normalization shares that of the layer before.
    """

    name: str
    layer: Any
    depth: int


def learning_layers(model: keras.Model) -> list[NamedLayer]:
    """They, in the order of the model; a shared one once."""
    found: list[NamedLayer] = []
    seen: set[int] = set()
    for name, layer in leaves(model):
        if id(layer) in seen or not _learns(layer):
            continue
        seen.add(id(layer))
        depth = found[-1].depth + 1 if found else 0
        if found and isinstance(layer, _normalizations()):
            depth -= 1
        found.append(NamedLayer(name, layer, depth))
    return found


def leaves(model: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every layer that is no model made of layers, with its name.

    A model within with weights of its own beside those of its layers is one layer: nothing less
    than all of it holds them.
    """
    for layer in model.layers:
        name = prefix + layer.name
        if isinstance(layer, keras.Model) and layer.layers and not own_weights(layer):
            yield from leaves(layer, f"{name}/")
        else:
            yield name, layer


def own_weights(model: Any) -> list[Any]:
    """The variables that a model has beside those of its layers."""
    return [*model._trainable_variables, *model._non_trainable_variables]


def trained(model: keras.Model, layers: Collection[NamedLayer]) -> list[NamedLayer]:
    """Those of the layers that training changes, as the model is."""
    frozen = {id(layer) for container in _frozen_models(model) for _, layer in leaves(container)}
    return [each for each in layers if each.layer.trainable and id(each.layer) not in frozen]


def train_only(
    model: keras.Model, layers: Collection[NamedLayer], wanted: Collection[NamedLayer]
) -> None:
    """Freezes and thaws, so that of the layers the wanted ones alone are trained."""
    for container in _frozen_models(model):
        container.trainable = True  # that of its layers too, which are told again below
    for each in layers:
        if each.layer.trainable != (each in wanted):
            each.layer.trainable = each in wanted


def _frozen_models(model: Any) -> list[Any]:
    inner = [layer for layer in model.layers if isinstance(layer, keras.Model) and layer.layers]
    return [*([] if model.trainable else [model]), *(m for i in inner for m in _frozen_models(i))]


def _learns(layer: Any) -> bool:
    return any(each._trainable_variables for each in layer._flatten_layers())


def _normalizations() -> tuple[type, ...]:
    kinds = ("BatchNormalization", "GroupNormalization", "LayerNormalization", "RMSNormalization")
    return tuple(getattr(keras.layers, kind) for kind in kinds if hasattr(keras.layers, kind))
