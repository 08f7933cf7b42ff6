"""What a device must hold.

References: Rajbhandari et al., *ZeRO: Memory Optimizations Toward Training Trillion Parameter
Models*, 2020, section 3 (weights, gradients, optimizer); Korthikanti et al., *Reducing Activation
Recomputation in Large Transformer Models*, 2022, equation 2 and section 5 (activations); Narayanan
et al., *Efficient Large-Scale Language Model Training on GPU Clusters*, 2021, section 2.2
(micro-batches under way in a pipeline).
"""

from __future__ import annotations

import dataclasses

from tftrain.planning.profiles import Kept, LayerProfile, ModelProfile
from tftrain.planning.stages import Stage
from tftrain.planning.trainings import Training


@dataclasses.dataclass(frozen=True)
class Memory:
    """Bytes of the fullest device.

    Attributes:
        weights: Variables, and copies in another precision.
        gradients: Of one step, and their sum where they are accumulated.
        slots: What the optimizer keeps.
        activations: What the forward pass leaves for the backward pass.
        scratch: What one layer needs while it is computed.
        reserved: What the machine keeps to itself.
    """

    weights: float
    gradients: float
    slots: float
    activations: float
    scratch: float
    reserved: float = 0.0

    @property
    def total(self) -> float:
        """All of it."""
        return sum(vars(self).values())


def of_stages(
    profile: ModelProfile,
    stages: list[Stage],
    training: Training,
    *,
    tensor: int,
    micro_batches: int,
    rows: float,
    reserved: float = 0.0,
    update_scratch: float = 0.0,
    exchange_copies: float = 0.0,
) -> Memory:
    """The memory of the fullest stage's device.

    Args:
        profile: Of the whole model.
        stages: Its layers.
        training: The settings.
        tensor: Length of the tensor axis.
        micro_batches: Of a replica's batch.
        rows: Examples of one of them.
        reserved: Bytes.
        update_scratch: By the size of the largest variable.
        exchange_copies: By the size of the gradients.
    """
    slots = training.slots(profile)
    held = [
        _of_stage(
            stage,
            training,
            slots,
            tensor,
            accumulates=micro_batches > 1 and len(stages) == 1,
            rows=rows,
            under_way=_under_way(training.schedule, index, len(stages), micro_batches),
            reserved=reserved,
            update_scratch=update_scratch,
            exchange_copies=exchange_copies,
        )
        for index, stage in enumerate(stages)
    ]
    return max(held, key=lambda memory: memory.total)


def _under_way(schedule: str, index: int, stages: int, micro_batches: int) -> int:
    """Micro-batches whose activations a stage holds at once."""
    if stages == 1:
        return 1
    return micro_batches if schedule == "gpipe" else min(micro_batches, stages - index)


def _of_stage(
    stage: Stage,
    training: Training,
    slots: float,
    tensor: int,
    *,
    accumulates: bool,
    rows: float,
    under_way: int,
    reserved: float,
    update_scratch: float,
    exchange_copies: float,
) -> Memory:
    of = training.item_bytes
    parameters = sum(layer.held(tensor) for layer in stage)
    untrained = sum(layer.untrained for layer in stage)
    kept = [_activations(layer, training, tensor) * rows for layer in stage]
    activations = sum(kept) * under_way
    if training.remat == "full":
        activations += max(_whole(layer, tensor).size(of.activation) for layer in stage) * rows
    largest = max(layer.output for layer in stage) * of.activation * rows
    variable = max(layer.largest / layer.parts(tensor) for layer in stage)
    return Memory(
        weights=parameters * of.weight + untrained * of.weight,
        gradients=parameters * of.gradient * (2 if accumulates else 1),
        slots=parameters * slots * of.slot,
        activations=activations,
        # The gradients of a layer's inputs and outputs; or what comes after activations are gone.
        scratch=max(
            2 * largest,
            update_scratch * variable * of.slot - activations,
            exchange_copies * parameters * of.gradient - activations,
        ),
        reserved=reserved,
    )


def _activations(layer: LayerProfile, training: Training, tensor: int) -> float:
    """Bytes that one example keeps of a layer, in one device."""
    of = training.item_bytes.activation
    if training.remat == "full":
        return layer.output * of  # the next layer's input: all else is computed again
    cheap = 0.0 if training.remat == "selective" else layer.kept_cheap.size(of)
    return layer.kept.size(of) + (layer.kept_split.size(of) + cheap) / layer.parts(tensor)


def _whole(layer: LayerProfile, tensor: int) -> Kept:
    """What one example keeps of a layer in one device, nothing of it computed again."""
    parts = layer.parts(tensor)
    split = layer.kept_split + layer.kept_cheap
    return layer.kept + Kept(split.floats / parts, split.masks / parts)
