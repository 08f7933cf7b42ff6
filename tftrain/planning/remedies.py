"""What is said when no plan fits: how much is short, and what would help."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from tftrain import quantities
from tftrain.errors import PlanError
from tftrain.planning import plans
from tftrain.planning.machines import Machine
from tftrain.planning.trainings import Training

_MORE_DEVICES = (2, 4, 8, 16, 32, 64, 128, 256)


def nothing_fits(tried: plans.Plans, allowed: plans.Allowed | None = None) -> PlanError:
    """The error, with remedies that were tried out one by one.

    Args:
        tried: Without a feasible plan.
        allowed: Which combinations remedies may take; None: those that came into question.
    """
    nearest = tried.refused[0]
    short = nearest.memory.total - nearest.limit
    shown = quantities.shown_size
    parts = ", ".join(
        f"{name} {shown(value)}"
        for name, value in dataclasses.asdict(nearest.memory).items()
        if value >= 0.005 * nearest.memory.total
    )
    helpful = "; ".join(_helpful(tried, allowed or tried.allowed))
    return PlanError(
        [
            f"{tried.profile.name} does not fit {_devices(tried.machine)}: the plan that needs "
            f"least ({described(nearest)}) is short of {shown(short)} on its fullest device, which "
            f"needs {shown(nearest.memory.total)} ({parts}); what would help, each by itself: "
            f"{helpful}"
        ]
    )


def described(plan: plans.Plan) -> str:
    """A split in words.

    Example:
        >>> from tftrain.planning.step_time import Split
        >>> described(type("Plan", (), {"split": Split(4, 2, 1, 8)})())
        '4 data x 2 tensor, 8 micro-batches'
    """
    split = plan.split
    axes = [("data", split.data), ("tensor", split.tensor), ("stages", split.stages)]
    named = " x ".join(f"{length} {name}" for name, length in axes if length > 1)
    batches = f", {split.micro_batches} micro-batches" if split.micro_batches > 1 else ""
    return (named or "1 device") + batches


def _devices(machine: Machine) -> str:
    count = f"{machine.devices} device" + "s" * (machine.devices > 1)
    return f"{count} of {quantities.shown_size(machine.memory)}"


def _helpful(tried: plans.Plans, allowed: plans.Allowed | None) -> Iterator[str]:
    machine, training = tried.machine, tried.training
    for factor in _MORE_DEVICES:
        more = dataclasses.replace(machine, devices=factor * machine.devices)
        if _fits(tried, allowed, machine=more):
            yield f"{factor * machine.devices} devices"
            break
    yield f"{_enough(tried.refused[0].memory.total)} a device"
    for changed, meaning in _changes(training):
        if _fits(tried, allowed, training=changed):
            yield meaning
    for batch in _smaller(training.batch):
        if _fits(tried, allowed, training=dataclasses.replace(training, batch=batch)):
            yield f"a batch of {batch:,}"
            break


def _enough(needed: float) -> str:
    """No less than is needed, though it is shown rounded to three digits."""
    return quantities.shown_size(1.006 * needed)


def _changes(training: Training) -> Iterator[tuple[Training, str]]:
    for remat in ("selective", "full"):
        if training.remat == "none" or (training.remat, remat) == ("selective", "full"):
            changed = dataclasses.replace(training, remat=remat)
            yield changed, f"rematerialization ({remat})"
    if training.optimizer != "adafactor":
        yield dataclasses.replace(training, optimizer="adafactor"), "the optimizer adafactor"
    if training.optimizer != "sgd":
        yield dataclasses.replace(training, optimizer="sgd"), "the optimizer sgd without momentum"
    if training.precision == "float32":
        changed = dataclasses.replace(training, precision="mixed_bfloat16")
        yield changed, "the precision mixed_bfloat16"


def _smaller(batch: int) -> Iterator[int]:
    while batch > 1:
        batch //= 2
        yield batch


def _fits(
    tried: plans.Plans,
    allowed: plans.Allowed | None,
    machine: Machine | None = None,
    training: Training | None = None,
) -> bool:
    machine, training = machine or tried.machine, training or tried.training
    found = plans.plan(tried.profile, machine, training, allowed=allowed, balance=tried.balance)
    return bool(found.feasible)
