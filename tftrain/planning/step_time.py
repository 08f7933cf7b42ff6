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
    exchange = max(_exchanged(stage, profile, machine, training, split) for stage in stages)
    # Gradients are whole, and can be sent, from the last micro-batch's backward pass on.
    hidden = min(training.overlap * exchange, 2 / 3 * busiest)
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
    again = training.remat == "full"
    matrices = (layer.flops - layer.convolution_flops) / machine.flops
    convolutions = layer.convolution_flops / (machine.convolution_flops or machine.flops)
    moved = 0.0
    if machine.memory_bandwidth is not None:
        moved = layer.touched * training.item_bytes.activation * 2 / machine.memory_bandwidth
    products = (1 + layer.backward + again) * (matrices + convolutions)
    return (products + (_TOUCHED + again) * moved) / layer.parts(tensor)


def _computed(
    stage: Stage, machine: Machine, training: Training, tensor: int, rows: float
) -> float:
    each = sum(compute_seconds(layer, machine, training, tensor) for layer in stage)
    return rows * each + len(stage) * machine.layer_overhead


def _reduced(stage: Stage, machine: Machine, training: Training, tensor: int, rows: float) -> float:
    """All-reduces over the tensor axis for one micro-batch."""
    link = machine.link_of(tensor)
    total = 0.0
    forward_passes = 2 if training.remat == "full" else 1
    for layer in stage:
        if layer.is_split(tensor):
            for numbers, passes in (
                (layer.reduced_forward, forward_passes),
                (layer.reduced_backward, 1),
            ):
                payload = numbers * rows * training.item_bytes.activation / layer.reductions
                reduced = collectives.ring_all_reduce(payload, tensor, link)
                total += passes * layer.reductions * reduced
    return total


def _passed(stage: Stage, machine: Machine, training: Training, split: Split, rows: float) -> float:
    """What goes to the next stage and comes back as its gradient, for one micro-batch.

    Each member of a tensor axis sends its part alone: Narayanan et al., section 4.1.
    """
    link = machine.link_of(split.tensor * split.stages)
    payload = stage[-1].output * rows * training.item_bytes.activation / split.tensor
    return 2 * collectives.passed_on(payload, link)


def _exchanged(
    stage: Stage, profile: ModelProfile, machine: Machine, training: Training, split: Split
) -> float:
    """Gradients of one stage summed over the replicas."""
    if split.data == 1 and training.exchange == "ring":
        return 0.0
    held = sum(layer.held(split.tensor) for layer in stage)
    gradient, codec = _sent_bytes(training), training.codec
    payload, link = held * gradient, machine.link_of(split.devices)
    if training.exchange == "ps":
        weight = min(4, training.item_bytes.weight)
        # Servers are no devices of a host; they hold all stages, and all parts of a tensor axis.
        seconds = collectives.parameter_servers(
            profile.parameters * gradient,
            profile.parameters * weight,
            split.data,
            training.servers,
            machine.link,
            worker=held * (gradient + weight),
        )
    elif codec is not None and codec.gathered:
        seconds = collectives.ring_all_gather(payload, split.data, link)
    else:
        seconds = collectives.ring_all_reduce(payload, split.data, link)
    if machine.exchange_rate is not None:
        seconds += payload / machine.exchange_rate
    return seconds


def _sent_bytes(training: Training) -> float:
    """Bytes by which a replica sends a gradient's number."""
    codec = training.codec
    return training.item_bytes.gradient if codec is None else 4 * codec.share


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
