"""How a training grows with the number of devices: the best plan for each of many."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from tftrain.errors import ConfigError, PlanError
from tftrain.planning import step_time
from tftrain.planning.machines import Machine
from tftrain.planning.plans import Plan, plan
from tftrain.planning.profiles import ModelProfile
from tftrain.planning.trainings import GradientCodec, Training

MOST = 4096


@dataclasses.dataclass(frozen=True)
class Point:
    """The best plan for a number of devices.

    Attributes:
        devices: All are used.
        plan: The plan.
        efficiency: Time that the devices would take if they did nothing but the model's
            operations, each once, by the time of a step.
    """

    devices: int
    plan: Plan
    efficiency: float


@dataclasses.dataclass(frozen=True)
class Curve:
    """One way to send gradients, at growing numbers of devices.

    Attributes:
        name: Of the codec, `none` for float32 as they are.
        points: From the fewest devices that the model fits.
    """

    name: str
    points: tuple[Point, ...]


@dataclasses.dataclass(frozen=True)
class Scaling:
    """Several curves of one model.

    Attributes:
        profile: The model.
        machine: Its devices are those that batch was given for.
        batch_per_device: Examples that each device adds to a step.
        curves: One a codec.
    """

    profile: ModelProfile
    machine: Machine
    batch_per_device: float
    curves: tuple[Curve, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "batch_per_device": self.batch_per_device,
            "curves": {
                curve.name: [
                    {
                        "devices": point.devices,
                        "efficiency": point.efficiency,
                        "examples_per_second": point.plan.examples_per_second,
                        **dataclasses.asdict(point.plan.split),
                    }
                    for point in curve.points
                ]
                for curve in self.curves
            },
        }


def scaling(
    profile: ModelProfile,
    machine: Machine,
    training: Training,
    *,
    codecs: Sequence[GradientCodec] = (),
    most: int = MOST,
) -> Scaling:
    """The best plan for 1, 2, 4, ... devices; the batch grows with them.

    Args:
        profile: Of the model.
        machine: Its number of devices, with the batch, tells the examples a device.
        training: The settings.
        codecs: Of gradients, beside none.
        most: Devices.

    Raises:
        PlanError: The model fits none of these numbers of devices.
    """
    each = training.batch / machine.devices
    curves = [_curve(profile, machine, training, codec, most) for codec in (None, *codecs)]
    if not any(curve.points for curve in curves):
        raise PlanError(
            [f"{profile.name} fits no number of devices up to {most}, with {each:g} examples each"]
        )
    return Scaling(profile, machine, each, tuple(curves))


def _curve(
    profile: ModelProfile,
    machine: Machine,
    training: Training,
    codec: GradientCodec | None,
    most: int,
) -> Curve:
    points = []
    for power in range(most.bit_length()):
        devices = 2**power
        batch = max(1, round(training.batch * devices / machine.devices))
        many = dataclasses.replace(machine, devices=devices)
        try:
            asked = dataclasses.replace(training, batch=batch, codec=codec)
            found = plan(
                profile, many, asked, allowed=lambda split, count=devices: split.devices == count
            )
        except ConfigError:  # so many, or so few, cannot share the batch
            continue
        if found.feasible:
            points.append(_point(profile, many, asked, found.best))
    return Curve(codec.name if codec else "none", tuple(points))


def _point(profile: ModelProfile, machine: Machine, training: Training, best: Plan) -> Point:
    once = dataclasses.replace(training, remat="none")
    work = sum(step_time.compute_seconds(layer, machine, once) for layer in profile.layers)
    alone = training.batch * work / machine.devices
    return Point(machine.devices, best, alone / best.step_seconds)
