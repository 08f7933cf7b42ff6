"""How models of Keras 3 and of tf_keras are looked into."""

from __future__ import annotations

from typing import Any

from tftrain.compress.tf_keras_api import tf_keras
from tftrain.keras_api import keras


class ModelKind:
    """How models of one library are looked into.

    Attributes:
        library: `keras` or `tf_keras`.
    """

    library: Any

    def functional(self, model: Any) -> Any:
        """The model as a graph of nodes; None if it is none."""
        raise NotImplementedError

    def structures(self, model: Any) -> tuple[Any, Any]:
        """Tensors as the model takes them, and as it gives them."""
        raise NotImplementedError

    def call_of(self, node: Any) -> tuple[Any, Any, Any]:
        """Layer, positional and named arguments of a node."""
        raise NotImplementedError


class _Keras(ModelKind):
    library = keras

    def functional(self, model: Any) -> Any:
        if type(model) is keras.Sequential:
            return model._functional
        return model if type(model) is keras.src.models.functional.Functional else None

    def structures(self, model: Any) -> tuple[Any, Any]:
        return model._inputs_struct, model._outputs_struct

    def call_of(self, node: Any) -> tuple[Any, Any, Any]:
        # Whether it trains is decided anew in every call of the model, whatever is written here.
        kwargs = {k: v for k, v in node.arguments.kwargs.items() if k != "training"}
        return node.operation, node.arguments.args, kwargs


class _TfKeras(ModelKind):
    library = tf_keras

    def functional(self, model: Any) -> Any:
        graph = getattr(model, "_is_graph_network", False)
        return model if graph and type(model).__module__.startswith("tf_keras.") else None

    def structures(self, model: Any) -> tuple[Any, Any]:
        return model._nested_inputs, model._nested_outputs

    def call_of(self, node: Any) -> tuple[Any, Any, Any]:
        args, kwargs = node.call_args, node.call_kwargs
        if isinstance(node.layer, tf_keras.layers.RNN) and isinstance(args[0], (list, tuple)):
            first, *states = args[0]  # tf_keras writes them into one list
            return node.layer, (first, *args[1:]), {**kwargs, "initial_state": states}
        return node.layer, args, kwargs


KERAS, TF_KERAS = _Keras(), _TfKeras()
