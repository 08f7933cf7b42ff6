"""A model's forward and backward pass as one graph, and which layer each operation belongs to.

The graph is never run. Variables of a model that is made while a graph is the default are nodes of
it, so that a model of any size can be looked at.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from tftrain.keras_api import keras, tf
from tftrain.planning import operation_costs

ROWS = 1009  # of the batch that is traced: a prime, so that shapes tell which tensors grow with it
_NUMBERS = ("float32", "float16", "bfloat16", "float64")


@dataclasses.dataclass(frozen=True)
class Trace:
    """What a graph tells of a model.

    Attributes:
        layers: In the order in which they are called.
        forward: The operations of each layer, in their order.
        kept: Tensors that the backward pass takes from the forward pass, by the layer's place.
        returned: Numbers of one example that each layer's calls return.
        crossing: Numbers of one example that go from layers up to each to those behind it.
    """

    layers: tuple[Any, ...]
    forward: tuple[tuple[Any, ...], ...]
    kept: tuple[tuple[Any, ...], ...]
    returned: tuple[float, ...]
    crossing: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class _Call:
    """A call of a layer: the layer's place, its operations as a range, numbers of one example."""

    place: int
    first: int
    end: int
    returned: float


def trace(model: Any, shapes: Any) -> Trace:
    """Traces a model of this default graph.

    Args:
        model: Built.
        shapes: A structure of `keras.KerasTensor`s or tensors: of the inputs, `[B, ...]`.
    """
    inputs = keras.tree.map_structure(_placeholder, shapes)
    graph = tf.compat.v1.get_default_graph()
    layers = list(leaves(model))
    calls: list[_Call] = []
    before = len(graph.get_operations())
    with _noting_calls(layers, calls):
        outputs = model(inputs, training=True)
    end = len(graph.get_operations())
    owner = _owners(calls, before, end)
    variables = [each.value for each in model.trainable_variables]
    flat = [each for each in keras.tree.flatten(outputs) if each.dtype.is_floating]
    tf.gradients([tf.reduce_sum(tf.cast(each, "float32")) for each in flat], variables)
    everything = graph.get_operations()
    owned = {id(everything[place]): layer for place, layer in owner.items()}
    order = _called(calls, len(layers))
    by_layer: dict[int, list[Any]] = {place: [] for place in order}
    for place, layer in owner.items():
        by_layer[layer].append(everything[place])
    kept = _kept(everything[end:], owned)
    return Trace(
        tuple(layers[place] for place in order),
        tuple(tuple(by_layer[place]) for place in order),
        tuple(tuple(kept.get(place, ())) for place in order),
        tuple(sum(call.returned for call in calls if call.place == place) for place in order),
        tuple(_crossing(everything[before:end], owned, order)),
    )


def leaves(model: Any) -> Iterator[Any]:
    """Layers that are no models, those of models within the model among them."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaves(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            yield layer


def grows(tensor: Any) -> bool:
    """Whether it is larger for a larger batch."""
    return tensor.shape.rank is not None and any((size or 0) % ROWS == 0 for size in tensor.shape)


def of_one(tensor: Any) -> float:
    """Numbers of one example."""
    return operation_costs.size(tensor) / ROWS


def _placeholder(given: Any) -> Any:
    return tf.compat.v1.placeholder(given.dtype, [ROWS, *given.shape[1:]])


@contextlib.contextmanager
def _noting_calls(layers: Sequence[Any], calls: list[_Call]) -> Iterator[None]:
    """Notes the operations that each layer's `call` adds to the graph, and what it returns."""
    graph = tf.compat.v1.get_default_graph()

    def noting(place: int, call: Any) -> Any:
        def noted(*args: Any, **kwargs: Any) -> Any:
            first = len(graph.get_operations())
            result = call(*args, **kwargs)
            tensors = [each for each in keras.tree.flatten(result) if tf.is_tensor(each)]
            numbers = sum(of_one(each) for each in tensors if grows(each))
            calls.append(_Call(place, first, len(graph.get_operations()), numbers))
            return result

        return noted

    for place, layer in enumerate(layers):
        object.__setattr__(layer, "call", noting(place, layer.call))
    try:
        yield
    finally:
        for layer in layers:
            object.__delattr__(layer, "call")


def _owners(calls: Sequence[_Call], before: int, end: int) -> dict[int, int]:
    """Which layer's place each operation belongs to; what is between layers, to the one before."""
    owner: dict[int, int] = {}
    for call in calls:
        for index in range(call.first, call.end):
            owner.setdefault(index, call.place)
    current = calls[0].place if calls else 0
    for index in range(before, end):
        current = owner.setdefault(index, current)
    return owner


def _called(calls: Sequence[_Call], count: int) -> list[int]:
    """Places in the order of the first call; layers that are never called come last."""
    order = dict.fromkeys(call.place for call in calls)
    return [*order, *(place for place in range(count) if place not in order)]


def source(tensor: Any) -> Any:
    """The tensor that this is a view of."""
    while tensor.op.type in operation_costs.VIEWS:
        tensor = tensor.op.inputs[0]
    return tensor


def _kept(backward: Sequence[Any], owned: dict[int, int]) -> dict[int, list[Any]]:
    kept: dict[int, dict[int, Any]] = {}
    for each in backward:
        if each.type in ("Shape", "ShapeN", "Size", "ZerosLike", "OnesLike"):
            continue
        for given in each.inputs:
            tensor = source(given)
            if id(tensor.op) in owned and tensor.op.type not in ("Const", "ReadVariableOp"):
                kept.setdefault(owned[id(tensor.op)], {})[id(tensor)] = tensor
    return {place: list(tensors.values()) for place, tensors in kept.items()}


def _crossing(
    forward: Sequence[Any], owned: dict[int, int], order: Sequence[int]
) -> Iterator[float]:
    """Behind each layer, the numbers that layers after it still read."""
    rank = {place: number for number, place in enumerate(order)}
    last: dict[int, tuple[int, int, Any]] = {}  # of a tensor: made by, read last by
    for each in forward:
        reader = rank[owned[id(each)]]
        for given in each.inputs:
            tensor = source(given)
            if not grows(tensor):
                continue
            maker = rank[owned[id(tensor.op)]] if id(tensor.op) in owned else -1  # an input
            if reader > maker:
                known = last.get(id(tensor), (maker, reader, tensor))
                last[id(tensor)] = (maker, max(reader, known[1]), tensor)
    for number in range(len(order)):
        yield sum(
            of_one(tensor) for maker, reader, tensor in last.values() if maker <= number < reader
        )
