"""All ways to share a training among devices, those that fit ranked by speed."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

from tftrain import quantities
from tftrain.errors import ConfigError
from tftrain.planning import memory, step_time
from tftrain.planning.machines import Machine
from tftrain.planning.memory import Memory
from tftrain.planning.profiles import LayerProfile, ModelProfile
from tftrain.planning.splits import splits
from tftrain.planning.stages import Stage, cut
from tftrain.planning.step_time import Split, StepSeconds
from tftrain.planning.trainings import Training

Allowed = Callable[[Split], bool]
Balance = Callable[[LayerProfile], float]


@dataclasses.dataclass(frozen=True)
class Plan:
    """One way to share a training.

    Attributes:
        split: Among which axes; `data`, `tensor`, `stages` and `micro_batches` stand for its own.
        memory: Of the fullest device, in bytes.
        seconds: Of a step.
        batch: Examples of a step.
        limit: Bytes that a device has.
    """

    split: Split
    memory: Memory
    seconds: StepSeconds
    batch: int
    limit: float

    @property
    def data(self) -> int:
        """Replicas that see different examples."""
        return self.split.data

    @property
    def tensor(self) -> int:
        """Devices that share each layer."""
        return self.split.tensor

    @property
    def stages(self) -> int:
        """Groups of layers, one after the other."""
        return self.split.stages

    @property
    def micro_batches(self) -> int:
        """Parts of a replica's batch."""
        return self.split.micro_batches

    @property
    def devices(self) -> int:
        """That it takes."""
        return self.split.devices

    @property
    def fits(self) -> bool:
        """Whether the fullest device has the memory."""
        return self.memory.total <= self.limit

    @property
    def step_seconds(self) -> float:
        """Of a whole step."""
        return self.seconds.total

    @property
    def examples_per_second(self) -> float:
        """Of all devices together; infinite where nothing is known to take time."""
        return self.batch / self.step_seconds if self.step_seconds else math.inf

    def share(self, seconds: float) -> float:
        """What part of a step a time is; 0 where the step takes none."""
        return seconds / self.step_seconds if self.step_seconds else 0.0

    @property
    def why(self) -> str:
        """What holds it back, in a line."""
        parts = dataclasses.asdict(self.seconds)
        most = max(parts, key=lambda name: parts[name])
        room = quantities.shown_size(abs(self.limit - self.memory.total))
        spare = f"{room} to spare" if self.fits else f"{room} too much"
        return f"{self.share(parts[most]):.0%} of a step is {most}; {spare} on the fullest device"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            **dataclasses.asdict(self.split),
            "devices": self.devices,
            "fits": self.fits,
            "memory_bytes": {**dataclasses.asdict(self.memory), "total": self.memory.total},
            "step_seconds": {**dataclasses.asdict(self.seconds), "total": self.step_seconds},
            "examples_per_second": self.examples_per_second,
            "why": self.why,
        }


@dataclasses.dataclass(frozen=True)
class Plans:
    """Plans that fit, the fastest first, and those that do not.

    Attributes:
        profile: The model.
        machine: What it is to run on.
        training: The settings.
        feasible: Ranked.
        refused: The one that needs the least memory first.
        allowed: Which combinations came into question; None: every one.
        balance: What stages were to share evenly; None: the time of computing.
    """

    profile: ModelProfile
    machine: Machine
    training: Training
    feasible: tuple[Plan, ...]
    refused: tuple[Plan, ...]
    allowed: Allowed | None = None
    balance: Balance | None = None

    @property
    def best(self) -> Plan:
        """The fastest that fits.

        Raises:
            PlanError: None does.
        """
        from tftrain.planning.remedies import nothing_fits

        if not self.feasible:
            raise nothing_fits(self)
        return self.feasible[0]

    def as_dict(self) -> dict[str, Any]:
        """The model, the machine, the settings and all plans, for JSON."""
        return {
            "model": {
                "name": self.profile.name,
                "parameters": self.profile.parameters,
                "layers": len(self.profile.layers),
                "flops_forward": self.profile.flops,
                "tokens": self.profile.tokens,
            },
            "machine": dataclasses.asdict(self.machine),
            "training": dataclasses.asdict(self.training),
            "feasible": [each.as_dict() for each in self.feasible],
            "refused": [each.as_dict() for each in self.refused],
        }

    def __str__(self) -> str:
        from tftrain.planning.plan_tables import table

        return table(self)

    def to_json(self) -> str:
        """`as_dict` as text."""
        return json.dumps(self.as_dict(), indent=2)


def plan(
    profile: ModelProfile,
    machine: Machine,
    training: Training | int,
    *,
    allowed: Allowed | None = None,
    balance: Balance | None = None,
) -> Plans:
    """Ranks the ways to share a training among the devices of a machine.

    Data, tensor and pipeline parallelism are combined in every way that the devices allow: all of
    them, or fewer where that is faster or where they are an awkward number.

    Args:
        profile: Of the model.
        machine: What there is.
        training: The settings, or the size of the batch alone.
        allowed: Whether a combination comes into question; None: every one does.
        balance: What stages of a pipeline are to share evenly; None: the time of computing.

    Raises:
        ConfigError: No combination comes into question at all.

    Example:
        >>> from tftrain import planning
        >>> machine = planning.Machine.of("a100-80", devices=64, bandwidth="200Gbit/s", per_host=8,
        ...                               precision="half_with_master")
        >>> training = planning.Training(512, precision="half_with_master", remat="selective")
        >>> best = planning.plan(planning.profile("1e10"), machine, training).best
        >>> best.data, best.tensor, best.stages
        (16, 4, 1)
    """
    training = Training(training) if isinstance(training, int) else training
    stages = _Stages(profile, machine, training, balance)
    made = [
        _plan(profile, machine, training, split, stages)
        for split in splits(profile, machine, training)
        if allowed is None or allowed(split)
    ]
    if not made:
        raise _none_allowed(machine, training)
    best = list(_best_micro_batches(made))
    feasible = sorted((each for each in best if each.fits), key=lambda each: each.step_seconds)
    refused = sorted((each for each in best if not each.fits), key=lambda each: each.memory.total)
    return Plans(
        profile,
        machine,
        training,
        tuple(feasible),
        tuple(refused),
        allowed=allowed,
        balance=balance,
    )


def _none_allowed(machine: Machine, training: Training) -> ConfigError:
    return ConfigError(
        [
            f"no way to share {machine.devices} devices comes into question: `allowed` refuses "
            f"every one for a batch of {training.batch}; expected it to accept some"
        ]
    )


class _Stages:
    """Cuts of a model, made once for each number of stages and members of a tensor axis."""

    def __init__(
        self,
        profile: ModelProfile,
        machine: Machine,
        training: Training,
        balance: Balance | None,
    ) -> None:
        self._profile, self._machine, self._training = profile, machine, training
        self._balance = balance
        self._cuts: dict[tuple[int, int], list[Stage]] = {}

    def of(self, split: Split) -> list[Stage]:
        key = split.stages, split.tensor
        if key not in self._cuts:
            self._cuts[key] = cut(
                self._profile.layers, split.stages, self._balance or self._seconds(split.tensor)
            )
        return self._cuts[key]

    def _seconds(self, tensor: int) -> Balance:
        machine, training = self._machine, self._training
        return lambda layer: step_time.compute_seconds(layer, machine, training, tensor)


def _plan(
    profile: ModelProfile, machine: Machine, training: Training, split: Split, stages: _Stages
) -> Plan:
    layers = stages.of(split)
    held = memory.of_stages(
        profile,
        layers,
        training,
        tensor=split.tensor,
        micro_batches=split.micro_batches,
        rows=split.rows(training.batch),
        reserved=machine.reserved,
        update_scratch=machine.update_scratch,
        exchange_copies=machine.exchange_copies if split.data > 1 else 0.0,
    )
    seconds = step_time.of_stages(profile, layers, machine, training, split)
    return Plan(split, held, seconds, training.batch, machine.memory)


def _best_micro_batches(plans: list[Plan]) -> Iterator[Plan]:
    """Of each combination the fastest that fits, or the one that needs the least memory."""
    groups: dict[tuple[int, int, int], list[Plan]] = {}
    for each in plans:
        groups.setdefault((each.data, each.tensor, each.stages), []).append(each)
    for group in groups.values():
        fitting = [each for each in group if each.fits]
        if fitting:
            yield min(fitting, key=lambda each: each.step_seconds)
        else:
            yield min(group, key=lambda each: each.memory.total)
