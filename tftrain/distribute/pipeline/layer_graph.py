"""The layers of a Functional or Sequential model, in the order in which they are computed."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from typing import Any

from tftrain.errors import StrategyError, suggestion
from tftrain.keras_api import keras


class LayerGraph:
    """A model's nodes, each one use of a layer or operation, in topological order.

    Args:
        model: A built Functional or Sequential model.

    Attributes:
        name: The model's.
        functional: The Functional model that is computed.
        nodes: Keras's nodes, without those of the inputs.
    """

    def __init__(self, model: Any) -> None:
        self.name = model.name
        self.functional = functional(model)
        by_depth = self.functional._nodes_by_depth
        self.nodes = [
            node
            for depth in sorted(by_depth, reverse=True)
            for node in by_depth[depth]
            if node.operation and not node.is_input
        ]

    def layer_names(self) -> list[str]:
        """The layers' names in the order of their first use."""
        return list(dict.fromkeys(node.operation.name for node in self.nodes))

    def first_use(self, name: str) -> int:
        """The first node of a layer.

        Raises:
            StrategyError: The model has no layer of that name.
        """
        for place, node in enumerate(self.nodes):
            if node.operation.name == name:
                return place
        names = self.layer_names()
        raise StrategyError(
            f"cut names layer {name!r}, which model {self.name!r} does not have;"
            f"{suggestion(name, names)} it has {', '.join(names)}"
        )

    def block_names(self) -> list[str]:
        """The first layer with weights of each such part."""
        return [self.nodes[place].operation.name for place in self._first_weights()]

    def block_begins(self) -> list[int]:
        """The first nodes of the parts with weights that can be cut apart; the first is 0."""
        begins = self._first_weights()
        return [0, *begins[1:]] if begins else []

    def _first_weights(self) -> list[int]:
        return [
            place
            for place, node in enumerate(self.nodes)
            if _bytes([node.operation])
            and not any(first < place <= last for first, last in self._uses.values())
        ]

    @functools.cached_property
    def _uses(self) -> dict[int, tuple[int, int]]:
        """The first and the last node of each operation that holds variables, by its id."""
        uses: dict[int, tuple[int, int]] = {}
        for place, node in enumerate(self.nodes):
            if getattr(node.operation, "variables", None):
                key = id(node.operation)
                uses[key] = (uses.get(key, (place,))[0], place)
        return uses

    def require_whole(self, begins: Sequence[int]) -> None:
        """Checks that no layer with variables is used in two stages.

        Raises:
            StrategyError: One is.
        """
        for first, last in self._uses.values():
            torn = [begin for begin in begins if first < begin <= last]
            if torn:
                name, at = self.nodes[first].operation.name, self.nodes[torn[0]].operation.name
                raise StrategyError(
                    f"layer {name!r} is used several times, and the cut at {at!r} lies between "
                    "its uses: its weights would be needed in two stages; cut before its first "
                    "use or after its last"
                )

    def bytes_of(self, begin: int, end: int) -> int:
        """The bytes of the variables of the layers of some nodes, each layer once."""
        return _bytes(node.operation for node in self.nodes[begin:end])


def functional(model: Any) -> Any:
    """The Functional model that a model computes: its own, if it is Sequential."""
    return getattr(model, "_functional", None) or model


def _bytes(operations: Iterable[Any]) -> int:
    once = {id(operation): operation for operation in operations}.values()
    weights = [w for operation in once for w in getattr(operation, "weights", ())]
    return sum(bytes_of_variable(weight) for weight in weights)


def bytes_of_variable(variable: Any) -> int:
    """How many bytes a Keras variable's value takes."""
    return math.prod(variable.shape) * _item_size(variable.dtype)


def _item_size(dtype: str) -> int:
    from tftrain.keras_api import tf

    return tf.as_dtype(keras.backend.standardize_dtype(dtype)).size
