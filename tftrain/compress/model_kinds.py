"""How models of Keras 3 and of tf_keras are looked into."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from tftrain.compress.tf_keras_api import tf_keras
from tftrain.keras_api import keras


@dataclasses.dataclass(frozen=True)
class ModelKind:
    """How models of one library are looked into.

    Attributes:
        library: `keras` or `tf_keras`.
        functional: Gives a model as a graph of nodes; None if it is none.
        call_of: Gives layer, positional and named arguments of a node.
    """

    library: Any
    functional: Callable[[Any], Any]
    call_of: Callable[[Any], tuple[Any, Any, Any]]


def _keras_graph(model: Any) -> Any:
    if type(model) is keras.Sequential:
        return model._functional
    return model if type(model) is keras.src.models.functional.Functional else None


def _keras_call(node: Any) -> tuple[Any, Any, Any]:
    # Whether it trains is decided anew in every call of the model, whatever is written here.
    kwargs = {k: v for k, v in node.arguments.kwargs.items() if k != "training"}
    return node.operation, node.arguments.args, kwargs


def _tf_keras_graph(model: Any) -> Any:
    graph = getattr(model, "_is_graph_network", False)
    return model if graph and type(model).__module__.startswith("tf_keras.") else None


def _tf_keras_call(node: Any) -> tuple[Any, Any, Any]:
    args, kwargs = node.call_args, node.call_kwargs
    if isinstance(node.layer, tf_keras.layers.RNN) and isinstance(args[0], (list, tuple)):
        first, *states = args[0]  # tf_keras writes them into one list
        return node.layer, (first, *args[1:]), {**kwargs, "initial_state": states}
    return node.layer, args, kwargs


KERAS = ModelKind(keras, _keras_graph, _keras_call)
TF_KERAS = ModelKind(tf_keras, _tf_keras_graph, _tf_keras_call)
