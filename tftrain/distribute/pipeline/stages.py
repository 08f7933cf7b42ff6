"""A stage: some of a model's layers on a device, and how a micro-batch passes through them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tftrain.keras_api import keras

Values = dict[Any, Any]  # tensors by the id of their KerasTensor; of logits, by ("logits", id)


class Stage:
    """One device's part of a model.

    Args:
        index: Which it is, from 0.
        device: The full name of its device.
        nodes: Its nodes, in topological order.
        needed_later: Ids of KerasTensors that other stages take or that the model gives.

    Attributes:
        takes: Ids of the KerasTensors it needs and does not make.
        layers: Its layers, each once.
    """

    def __init__(
        self, index: int, device: str, nodes: Sequence[Any], needed_later: set[int]
    ) -> None:
        self.index, self.device, self.nodes = index, device, nodes
        made = {id(tensor) for node in nodes for tensor in node.outputs}
        taken = [id(tensor) for node in nodes for tensor in node.input_tensors]
        self.takes = [key for key in dict.fromkeys(taken) if key not in made]
        self.gives = made & needed_later
        operations = {id(node.operation): node.operation for node in nodes}.values()
        self.layers = [each for each in operations if isinstance(each, keras.layers.Layer)]

    @property
    def variables(self) -> list[Any]:
        """Everything its layers hold: weights, and states of random numbers."""
        held = [variable for layer in self.layers for variable in layer.variables]
        return list({id(variable): variable for variable in held}.values())

    @property
    def trainable_weights(self) -> list[Any]:
        """What it has gradients of."""
        held = [weight for layer in self.layers for weight in layer.trainable_weights]
        return list({id(weight): weight for weight in held}.values())

    def run(self, values: Mapping[Any, Any], training: bool) -> Values:
        """Computes its layers.

        Args:
            values: At least what it takes.
            training: As for Keras's layers.

        Returns:
            What others need of it, and the logits that Keras keeps beside probabilities.
        """
        from keras.src.models.functional import operation_fn

        known = {key: values[key] for key in self.takes}
        for node in self.nodes:
            args, kwargs = node.arguments.fill_in(known)
            outputs = operation_fn(node.operation, training=training)(*args, **kwargs)
            names = map(id, node.outputs)
            known.update(zip(names, keras.tree.flatten(outputs), strict=True))
        return dict(self._given(known))

    def _given(self, known: Values) -> Iterator[tuple[Any, Any]]:
        for key in known:
            if key in self.gives:
                yield key, known[key]
                logits = getattr(known[key], "_keras_logits", None)
                if logits is not None:
                    yield ("logits", key), logits


def of(parts: Sequence[Sequence[Any]], devices: Sequence[str], outputs: Sequence[Any]) -> list:
    """The stages of a model.

    Args:
        parts: The nodes of each.
        devices: The device of each.
        outputs: The model's KerasTensors.
    """
    taken = [{id(t) for node in nodes for t in node.input_tensors} for nodes in parts]
    given = {id(tensor) for tensor in outputs}
    return [
        Stage(index, device, nodes, given.union(*taken[:index], *taken[index + 1 :]))
        for index, (nodes, device) in enumerate(zip(parts, devices, strict=True))
    ]
