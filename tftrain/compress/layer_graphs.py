"""Which layers a model calls on what, read alike from Keras 3 and from tf_keras.

Nested models are opened: a graph holds calls of layers only, each under a name of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from tftrain import model_signature
from tftrain.compress.model_kinds import ModelKind
from tftrain.errors import CompressionError
from tftrain.keras_api import tf


@dataclasses.dataclass(frozen=True)
class Place:
    """A tensor of a graph, by number."""

    number: int


@dataclasses.dataclass(frozen=True)
class Input:
    """What a model is given.

    Attributes:
        place: Where it goes.
        name: As the model calls it.
        batch_shape: With None for free axes.
        dtype: Such as "float32".
    """

    place: Place
    name: str
    batch_shape: tuple[int | None, ...]
    dtype: str


@dataclasses.dataclass(frozen=True)
class Call:
    """A layer called on tensors.

    Attributes:
        layer: The layer.
        args: What it was called with, tensors replaced by places.
        kwargs: The same, by name.
        outputs: Where its results go, in flat order.
    """

    layer: Any
    args: Any
    kwargs: dict[str, Any]
    outputs: tuple[Place, ...]


@dataclasses.dataclass(frozen=True)
class Graph:
    """A model, its nested models opened.

    Attributes:
        inputs: In flat order.
        calls: In an order in which they can be made.
        input_structure: Places of the inputs as the model takes them.
        output_structure: Places of the outputs as the model gives them.
        names: A name of its own for each layer, by the layer's id, in order of their calls.
    """

    inputs: list[Input]
    calls: list[Call]
    input_structure: Any
    output_structure: Any
    names: dict[int, str]

    def layers(self) -> list[Any]:
        """Each layer once, in order of the first call."""
        return list({id(call.layer): call.layer for call in self.calls}.values())


@dataclasses.dataclass(frozen=True)
class _Unknown:
    """The result of something that is no layer."""

    operation: str


def read(model: Any, kind: ModelKind) -> Graph:
    """The graph of a model.

    Args:
        model: A built Functional or Sequential model.
        kind: `KERAS` or `TF_KERAS`.

    Raises:
        CompressionError: It, or a model in it, is none; or it computes with operations that are
            no layers.
    """
    return _Reading(kind).of(model)


class _Reading:
    def __init__(self, kind: ModelKind) -> None:
        self._kind = kind
        self._places = 0
        self._calls: list[Call] = []
        self._names: dict[int, str] = {}
        self._problems: list[str] = []

    def of(self, model: Any) -> Graph:
        functional = self._opened(model)
        taken, _ = model_signature.ends(functional)
        structure = tf.nest.map_structure(lambda _: self._place(), taken)
        inputs = [
            Input(place, tensor.name.split(":")[0], tuple(tensor.shape), _dtype(tensor))
            for place, tensor in zip(
                tf.nest.flatten(structure), tf.nest.flatten(taken), strict=True
            )
        ]
        outputs = self._follow(functional, [entry.place for entry in inputs], "")
        for tensor in tf.nest.flatten(outputs):
            self._refuse_unknown(tensor, f"the output of {model.name!r}")
        if self._problems:
            raise CompressionError(self._problems)
        return Graph(inputs, self._calls, structure, outputs, self._names)

    def _opened(self, model: Any) -> Any:
        functional = self._kind.functional(model)
        if functional is None:
            raise CompressionError([_not_a_graph(model)])
        return functional

    def _follow(self, functional: Any, arguments: list[Any], path: str) -> Any:
        """Calls what a functional model calls; gives its outputs' places as it gives them."""
        taken, given = model_signature.ends(functional)
        values = dict(zip(map(id, tf.nest.flatten(taken)), arguments, strict=True))
        for node in _nodes(functional):
            operation, args, kwargs = self._kind.call_of(node)
            args = _replaced(args, values)
            kwargs = _without_made_masks(_replaced(kwargs, values))
            results = self._results(operation, args, kwargs, node, path)
            values.update(zip(map(id, tf.nest.flatten(node.outputs)), results, strict=True))
        return _replaced(given, values)

    def _results(self, operation: Any, args: Any, kwargs: Any, node: Any, path: str) -> list[Any]:
        name = f"{path}{operation.name}"
        tensors = tf.nest.flatten(node.outputs)
        if not isinstance(operation, self._kind.library.layers.Layer):
            return [_Unknown(type(operation).__name__)] * len(tensors)
        for value in tf.nest.flatten((args, kwargs)):
            self._refuse_unknown(value, f"layer {name!r}")
        if kwargs.pop("training", None) is not None:
            self._problems.append(
                f"layer {name!r} is called with training= as a constant, which Keras 3 overrides: "
                "leave it out"
            )
        if isinstance(operation, self._kind.library.Model):
            given = tf.nest.flatten(args[0] if args else kwargs["inputs"])
            return tf.nest.flatten(self._follow(self._opened(operation), given, f"{name}_"))
        places = tuple(self._place() for _ in tensors)
        self._name(operation, name)
        self._calls.append(Call(operation, args, kwargs, places))
        return list(places)

    def _refuse_unknown(self, value: Any, where: str) -> None:
        if isinstance(value, _Unknown):
            self._problems.append(
                f"{where} takes the result of the operation {value.operation}, which is no layer: "
                "use the layer that does the same (Add, Multiply, Concatenate, Reshape, ...)"
            )

    def _name(self, layer: Any, name: str) -> None:
        plain, taken = layer.name, set(self._names.values())
        if id(layer) not in self._names:
            self._names[id(layer)] = name if plain in taken else plain

    def _place(self) -> Place:
        self._places += 1
        return Place(self._places)


def _nodes(functional: Any) -> Iterator[Any]:
    for depth in sorted(functional._nodes_by_depth, reverse=True):
        yield from (node for node in functional._nodes_by_depth[depth] if not node.is_input)


def _replaced(structure: Any, values: dict[int, Any]) -> Any:
    return tf.nest.map_structure(lambda value: values.get(id(value), value), structure)


def _without_made_masks(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Masks that Keras 3 has worked out by operations of its own; tf_keras does so as well."""

    def made(name: str, value: Any) -> bool:
        parts = tf.nest.flatten(value)
        return name.endswith("mask") and any(isinstance(part, _Unknown) for part in parts)

    return {name: value for name, value in kwargs.items() if not made(name, value)}


def _dtype(tensor: Any) -> str:
    return tf.as_dtype(tensor.dtype).name


def _not_a_graph(model: Any) -> str:
    kind = type(model).__name__
    if not getattr(model, "built", True) or kind == "Sequential":
        return (
            f"the model {model.name!r} is not built: give it an Input, or call it once on a batch"
        )
    return (
        f"{model.name!r} is a {kind}, a model written as a class; expected layers called on "
        "tensors: keras.Sequential or keras.Model(inputs, outputs)"
    )


def rebuild(graph: Graph, library: Any, make: Callable[[Any, str], Any]) -> tuple[Any, list[Any]]:
    """The graph's model in the other library.

    Args:
        graph: What to build.
        library: `keras` or `tf_keras`.
        make: Gives the other library's layer of a layer and a name.

    Returns:
        The model, and its layers in the order of `graph.layers()`.
    """
    values: dict[Place, Any] = {
        entry.place: library.Input(
            batch_shape=entry.batch_shape, dtype=entry.dtype, name=entry.name
        )
        for entry in graph.inputs
    }
    made = {id(layer): make(layer, graph.names[id(layer)]) for layer in graph.layers()}

    def filled(structure: Any) -> Any:
        return tf.nest.map_structure(
            lambda value: values[value] if isinstance(value, Place) else value, structure
        )

    for call in graph.calls:
        kwargs = {name: value for name, value in filled(call.kwargs).items() if value is not None}
        results = made[id(call.layer)](*filled(call.args), **kwargs)
        values.update(zip(call.outputs, tf.nest.flatten(results), strict=True))
    model = library.Model(filled(graph.input_structure), filled(graph.output_structure))
    return model, list(made.values())
