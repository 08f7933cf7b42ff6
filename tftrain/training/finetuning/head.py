"""Another head: the last Dense layer of a copy of a model, for other classes."""

from __future__ import annotations

import numbers
import tempfile
from typing import Any

from tftrain.errors import FineTuningError, suggestion
from tftrain.keras_api import keras
from tftrain.training.finetuning.layers import leaves


def find(model: keras.Model, name: str | None) -> tuple[str, Any]:
    """The layer that gives the answers, with its whole name.

    Args:
        model: Built.
        name: Of a Dense layer; None for the last one.

    Raises:
        FineTuningError: There is none.
    """
    dense = candidates(model)
    if not dense:
        raise FineTuningError(
            [
                f"the model {model.name!r} has no Dense layer to take for its head: put one on it "
                "(keras.layers.Dense(classes)(model.output)) and leave out classes"
            ]
        )
    if name is None:
        return list(dense.items())[-1]
    named = [each for each in dense if name in (each, each.split("/")[-1])]
    if not named:
        known = ", ".join(dense)
        raise FineTuningError(
            [f"no Dense layer is called {name!r};{suggestion(name, dense)} known: {known}"]
        )
    return named[-1], dense[named[-1]]


def candidates(model: keras.Model) -> dict[str, Any]:
    """The Dense layers, by their whole names."""
    return {each: layer for each, layer in leaves(model) if isinstance(layer, keras.layers.Dense)}


def activation(model: keras.Model, head: Any) -> Any:
    """What makes a head's numbers the model's answers: its own, or that of the layer after it."""
    *_, (_, last) = leaves(model)
    if isinstance(last, keras.layers.Softmax):
        return keras.activations.softmax
    return last.activation if isinstance(last, keras.layers.Activation) else head.activation


def is_count(classes: Any) -> bool:
    """Whether so many classes can be told apart."""
    whole = isinstance(classes, numbers.Integral) and not isinstance(classes, bool)
    return whole and classes > 1


def problems(head: Any, classes: Any, binary: bool) -> list[str]:
    """Why a head cannot have so many classes; `binary` if its one number tells between two."""
    if not is_count(classes):
        return [f"classes is {classes!r}; expected a whole number, 2 or more"]
    if binary and classes > 2:
        return [
            f"classes is {classes}, but the head {head.name!r} is one sigmoid, which tells between "
            "2: put a Dense layer with softmax in its place and leave out classes"
        ]
    return []


def with_units(model: keras.Model, head: Any, units: int) -> keras.Model:
    """A copy of a model, its weights drawn anew, whose head has so many outputs.

    Raises:
        FineTuningError: The model is not of a kind that can be copied.
    """
    return copied(model, {id(head): {"units": units, "trainable": True}})


def copied(model: keras.Model, changed: dict[int, dict[str, Any]] | None = None) -> keras.Model:
    """A copy of a Sequential or Functional model, its weights drawn anew.

    Args:
        model: Built.
        changed: What is another way in the configuration of layers, by the `id` of a layer.

    Raises:
        FineTuningError: It is of another kind.
    """
    from keras.src.models.functional import Functional

    if not isinstance(model, (keras.Sequential, Functional)):
        raise FineTuningError(
            [
                f"{type(model).__name__} cannot be copied as a Sequential or Functional model can: "
                "build it for the new task (under the strategy, with its own head) and give the "
                "trained one as weights_from"
            ]
        )

    def again(layer: Any) -> Any:
        if isinstance(layer, (keras.Sequential, Functional)):
            return copied(layer, changed)
        config = {**layer.get_config(), **(changed or {}).get(id(layer), {})}
        return _with_vocabulary(layer, type(layer).from_config(config))

    try:
        copy = keras.models.clone_model(model, clone_function=again)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise FineTuningError(
            [f"the model {model.name!r} cannot be built with that head: {error}"]
        ) from error
    return copy


def _with_vocabulary(layer: Any, copy: Any) -> Any:
    """The copy, with what a layer keeps in neither its configuration nor its weights."""
    if hasattr(layer, "save_assets"):
        with tempfile.TemporaryDirectory() as folder:
            layer.save_assets(folder)
            copy.load_assets(folder)
    return copy
