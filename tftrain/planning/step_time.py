"""How long a step takes.

References: Kaplan et al., *Scaling Laws for Neural Language Models*, 2020, section 2.1 (the
backward pass takes twice the operations of the forward pass); Shoeybi et al., *Megatron-LM*, 2019,
section 3 (all-reduces of tensor parallelism); Huang et al., *GPipe*, 2019, section 2.3, and
Narayanan et al., *Efficient Large-Scale Language Model Training on GPU Clusters*, 2021, section
2.2 (bubbles).
"""

from __future__ import annotations

import dataclasses
import math

from tftrain.planning import collectives
from tftrain.planning.machines import Machine
from tftrain.planning.profiles import LayerProfile, ModelProfile
from tftrain.planning.stages import Stage
from tftrain.planning.trainings import Training

_TOUCHED = 2  # single numbers are written once in each pass


@dataclasses.dataclass(frozen=True)
class StepSeconds:
    """Seconds of a step, by what they are for; the parts follow one another.

    Attributes:
        compute: Forward and backward passes of the busiest stage.
        tensor: All-reduces within layers.
        stages: Activations and their gradients passed from stage to stage.
        bubble: What the busiest stage waits for, at the pipeline's beginning and end.
        exchange: Gradients summed over replicas, as far as the backward pass does not hide it.
        update: The optimizer.
        overhead: What every step takes.
    """

    compute: float
    tensor: float = 0.0
    stages: float = 0.0
    bubble: float = 0.0
    exchange: float = 0.0
    update: float = 0.0
    overhead: float = 0.0

    @property
    def total(self) -> float:
        """The whole step."""
        return sum(vars(self).values())


@dataclasses.dataclass(frozen=True)
class Split:
    """How devices share a training.

    Attributes:
        data: Replicas that see different examples.
        tensor: Devices that share each layer of a replica.
        stages: Groups of layers, one after the other.
        micro_batches: Parts of a replica's batch, one after the other.
    """

    data: int = 1
    tensor: int = 1
    stages: int = 1
    micro_batches: int = 1

    @property
    def devices(self) -> int:
        """That it takes."""
        return self.data * self.tensor * self.stages

    def rows(self, batch: int) -> int:
        """Examples of the largest micro-batch."""
        return math.ceil(batch / (self.data * self.micro_batches))


def of_stages(
    profile: ModelProfile,
    stages: list[Stage],
    machine: Machine,
    training: Training,
    split: Split,
) -> StepSeconds:
    """The time of a step.

    Args:
        profile: Of the whole model.
        stages: Its layers.
        machine: What it runs on.
        training: The settings.
        split: How the devices share it.
    """
    rows = split.rows(training.batch)
    busiest = max(_computed(stage, machine, training, split.tensor, rows) for stage in stages)
    reduced = max(_reduced(stage, machine, training, split.tensor, rows) for stage in stages)
    passed = max(
        (_passed(stage, machine, training, split, rows) for stage in stages[:-1]), default=0.0
    )
    compute = split.micro_batches * busiest
    waits = (split.stages - 1) * (busiest + reduced + passed)
    exchange = max(_exchanged(stage, machine, training, split) for stage in stages)
    hidden = min(training.overlap * exchange, 2 / 3 * compute)
    return StepSeconds(
        compute,
        tensor=split.micro_batches * reduced,
        stages=split.micro_batches * passed,
        bubble=waits,
        exchange=exchange - hidden,
        update=max(_updated(stage, profile, machine, training, split.tensor) for stage in stages),
        overhead=machine.step_overhead,
    )


def compute_seconds(
    layer: LayerProfile, machine: Machine, training: Training, tensor: int = 1
) -> float:
    """Seconds of one example's passes through a layer, in one device."""
    parts = tensor if layer.is_split(tensor) else 1
    again = training.remat == "full"
    matrices = (layer.flops - layer.convolution_flops) / machine.flops
    convolutions = layer.convolution_flops / (machine.convolution_flops or machine.flops)
    moved = 0.0
    if machine.memory_bandwidth is not None:
        moved = layer.touched * training.item_bytes.activation * 2 / machine.memory_bandwidth
    products = (1 + layer.backward + again) * (matrices + convolutions)
    return (products + (_TOUCHED + again) * moved) / parts


def _computed(
    stage: Stage, machine: Machine, training: Training, tensor: int, rows: float
) -> float:
    each = sum(compute_seconds(layer, machine, training, tensor) for layer in stage)
    return rows * each + len(stage) * machine.layer_overhead


def _reduced(stage: Stage, machine: Machine, training: Training, tensor: int, rows: float) -> float:
    """All-reduces over the tensor axis for one micro-batch."""
    link = machine.link_of(tensor)
    total = 0.0
    for layer in stage:
        if layer.is_split(tensor):
            numbers = layer.reduced_forward + layer.reduced_backward
            numbers += layer.reduced_forward * (training.remat == "full")
            payload = numbers * rows * training.item_bytes.activation
            rounds = 2 * (tensor - 1) * max(0, layer.reductions - 1)
            total += collectives.ring_all_reduce(payload, tensor, link) + rounds * link.latency
    return total


def _passed(stage: Stage, machine: Machine, training: Training, split: Split, rows: float) -> float:
    """What goes to the next stage and comes back as its gradient, for one micro-batch."""
    link = machine.link_of(split.tensor * split.stages)
    payload = stage[-1].output * rows * training.item_bytes.activation / split.tensor
    return 2 * collectives.passed_on(payload, link)


def _exchanged(stage: Stage, machine: Machine, training: Training, split: Split) -> float:
    """Gradients of one stage summed over the replicas."""
    if split.data == 1 and training.exchange == "ring":
        return 0.0
    parameters = sum(layer.held(split.tensor) for layer in stage)
    whole = parameters * training.item_bytes.gradient
    codec = training.codec
    payload = whole if codec is None else 4 * parameters * codec.share
    link = machine.link_of(split.devices)
    if training.exchange == "ps":
        weights = parameters * min(4, training.item_bytes.weight)
        seconds = collectives.parameter_servers(
            payload, weights, split.data, training.servers, link
        )
    elif codec is not None and codec.gathered:
        seconds = collectives.ring_all_gather(payload, split.data, link)
    else:
        seconds = collectives.ring_all_reduce(payload, split.data, link)
    if machine.exchange_rate is not None:
        seconds += payload / machine.exchange_rate
    return seconds


def _updated(
    stage: Stage, profile: ModelProfile, machine: Machine, training: Training, tensor: int
) -> float:
    """The optimizer goes once through weights, gradients and slots, and writes two of them."""
    rate = machine.update_rate or machine.memory_bandwidth
    if rate is None:
        return 0.0
    of, slots = training.item_bytes, training.slots(profile)
    parameters = sum(layer.held(tensor) for layer in stage)
    return parameters * (2 * of.weight + of.gradient + 2 * slots * of.slot) / rate
