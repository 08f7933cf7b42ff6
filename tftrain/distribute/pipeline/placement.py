"""Moves a model's variables to the devices of their stages, and says what each device holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from tftrain import quantities
from tftrain.distribute.pipeline.layer_graph import bytes_of_variable
from tftrain.distribute.pipeline.stages import Stage
from tftrain.keras_api import tf
from tftrain.text_tables import aligned


def move(stages: Sequence[Stage], strategy: Any) -> None:
    """Gives every variable of every stage a value on the stage's device."""
    for stage in stages:
        for variable in stage.variables:
            if variable.value.device != stage.device:
                _move(variable, stage.device, strategy)


def _move(variable: Any, device: str, strategy: Any) -> None:
    held = variable._value
    with tf.init_scope(), strategy.scope(), strategy.placing_on(device):
        variable._value = tf.Variable(
            held.read_value(),
            trainable=held.trainable,
            name=variable.name,
            dtype=held.dtype,
            aggregation=held.aggregation,
            synchronization=held.synchronization,
        )


@dataclasses.dataclass(frozen=True)
class StagePlace:
    """What one stage keeps on its device.

    Attributes:
        device: Its short name, e.g. `GPU:0`.
        layers: Names of its layers that have weights.
        parameters: Numbers in its weights.
        weight_bytes: Bytes of its weights.
        slot_bytes: Bytes of the optimizer's variables there, 0 before it is built.
    """

    device: str
    layers: tuple[str, ...]
    parameters: int
    weight_bytes: int
    slot_bytes: int

    @property
    def total_bytes(self) -> int:
        """All of them."""
        return self.weight_bytes + self.slot_bytes


@dataclasses.dataclass(frozen=True)
class Placement:
    """What each stage of a model keeps on its device; printed as a table."""

    stages: tuple[StagePlace, ...]

    def __str__(self) -> str:
        rows = [
            ("stage", "device", "layers with weights", "parameters", "weights", "slots", "share")
        ]
        total = sum(stage.total_bytes for stage in self.stages) or 1
        for index, stage in enumerate(self.stages):
            rows.append(
                (
                    str(index),
                    stage.device,
                    _shortened(stage.layers),
                    f"{stage.parameters:,}",
                    quantities.shown_size(stage.weight_bytes),
                    quantities.shown_size(stage.slot_bytes),
                    f"{stage.total_bytes / total:.0%}",
                )
            )
        return aligned(rows, left=3)


def of(stages: Sequence[Stage], optimizer: Any | None) -> Placement:
    """Looks where variables are."""
    slots = [] if optimizer is None else optimizer.variables
    return Placement(tuple(_of_stage(stage, slots) for stage in stages))


def _of_stage(stage: Stage, slots: Sequence[Any]) -> StagePlace:
    held = {id(w): w for layer in stage.layers for w in layer.weights}
    weights = [weight for weight in held.values() if weight.value.device == stage.device]
    beside = [slot for slot in slots if slot.shape.rank and slot.value.device == stage.device]
    return StagePlace(
        device=stage.device.rpartition("device:")[2],
        layers=tuple(layer.name for layer in stage.layers if layer.weights),
        parameters=sum(weight.shape.num_elements() for weight in weights),
        weight_bytes=sum(map(bytes_of_variable, weights)),
        slot_bytes=sum(map(bytes_of_variable, beside)),
    )


def _shortened(names: Sequence[str]) -> str:
    if len(names) <= 2:
        return ", ".join(names)
    return f"{names[0]} ... {names[-1]} ({len(names)})"
