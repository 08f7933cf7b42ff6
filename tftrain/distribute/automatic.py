"""The strategy that a model needs on devices of a given memory, chosen by the planner.

Only what the strategies can run comes into question. Data parallelism, on as many devices as share
the batch evenly, is preferred wherever the whole model fits a device, as it leaves Keras's step as
it is; of the rest the fastest plan counts.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from tftrain import planning, quantities
from tftrain.distribute import profiling_process
from tftrain.distribute.suitability import Suitability
from tftrain.errors import ConfigError, PlanError
from tftrain.planning import measuring, remedies
from tftrain.planning.plans import Plan, Plans

# Devices of one machine: what counts is how long computing takes by communication, not either.
_FLOPS, _BANDWIDTH, _LATENCY, _MEMORY_BANDWIDTH = 1e11, 1e10, 2e-5, 2e10
_UNKNOWN = Suitability()


@dataclasses.dataclass(frozen=True)
class Choice:
    """A strategy, and why it was chosen.

    Attributes:
        name: Of the strategy.
        options: What `tftrain.distribute.strategy` is to be given besides.
        plan: Behind it.
        why: In a line.
    """

    name: str
    options: dict[str, Any]
    plan: Plan
    why: str


def check(model: Any, batch_size: int | None) -> None:
    """Checks what the planner needs besides the memory of a device.

    Raises:
        ConfigError: It is missing, or no function that makes a model.
    """
    problems = []
    if batch_size is None or batch_size < 1:
        problems.append(
            f"batch_size is {batch_size}; expected 1 or more with memory_per_device, as what the "
            "forward pass keeps grows with it"
        )
    is_model = hasattr(model, "stateless_call")
    if is_model or not (callable(model) or isinstance(model, planning.ModelProfile)):
        received = f"the model {model.name!r}" if is_model else type(model).__name__
        problems.append(
            f"model is {received}; expected with memory_per_device a function without arguments "
            "that makes and compiles the model, or a tftrain.planning.ModelProfile"
        )
    if problems:
        raise ConfigError(problems)


def choose(
    model: Any,
    *,
    batch_size: int,
    memory_per_device: str | float,
    devices: int,
    workers: int = 1,
) -> Choice:
    """The strategy for a model.

    Args:
        model: A function that makes and compiles it, called where variables take no memory, or
            its profile.
        batch_size: Examples a step, of all devices together.
        memory_per_device: As `2GiB`.
        devices: How many this machine has.
        workers: Processes of a cluster; with more than one only data parallelism is possible.

    Raises:
        ConfigError: The arguments are wrong.
        BadInput: The memory is no size, or the model cannot be traced.
        PlanError: Nothing that a strategy can run fits.
    """
    check(model, batch_size)
    memory = quantities.size(memory_per_device, "memory_per_device")
    if isinstance(model, planning.ModelProfile):
        profile, suited = model, _UNKNOWN
    else:
        profile, suited = profiling_process.profile(model)
    return decide(
        profile,
        batch_size=batch_size,
        memory=memory,
        devices=devices,
        workers=workers,
        suited=suited,
    )


def decide(
    profile: planning.ModelProfile,
    *,
    batch_size: int,
    memory: float,
    devices: int,
    workers: int = 1,
    suited: Suitability = _UNKNOWN,
) -> Choice:
    """The strategy for a profile, `memory` in bytes.

    Args:
        profile: Of the model.
        batch_size: Examples a step.
        memory: Of a device, in bytes.
        devices: Of this machine.
        workers: Processes of a cluster.
        suited: Which strategies can train the model.

    Raises:
        PlanError: Nothing that a strategy can run fits.
    """
    machine = planning.Machine(
        devices * workers,
        memory,
        _FLOPS,
        planning.Link(_BANDWIDTH, _LATENCY),
        memory_bandwidth=_MEMORY_BANDWIDTH,
        update_scratch=measuring.UPDATE_SCRATCH,
    )
    training = planning.Training(batch_size, precision=profile.precision)
    plans = planning.plan(
        profile,
        machine,
        training,
        allowed=lambda split: _can_run(split, suited, workers) and _is_even(split, batch_size),
        balance=lambda layer: layer.parameters,  # as the strategy cuts
    )
    if not plans.feasible:
        error = remedies.nothing_fits(plans, lambda split: _can_run(split, suited, workers))
        against = suited.against(devices) if devices > 1 and workers == 1 else []
        raise PlanError([*error.problems, *against])
    replicated = [plan for plan in plans.feasible if plan.tensor == plan.stages == 1]
    best = max(replicated, key=lambda plan: plan.data) if replicated else plans.feasible[0]
    name, options = _strategy(best, workers)
    why = _why(best, plans, bool(replicated))
    if best.stages > 1 and suited.model_parallel:
        why += "; model_parallel cannot run it"
    return Choice(name, options, best, why)


def _is_even(split: planning.Split, batch_size: int) -> bool:
    return batch_size % (split.data * split.micro_batches) == 0


def _can_run(split: planning.Split, suited: Suitability, workers: int) -> bool:
    """Whether a strategy can share the work of this model so."""
    if workers > 1:
        return split.data == split.devices and split.micro_batches == 1
    if split.stages > 1:
        alone = split.data == split.tensor == 1
        return alone and suited.is_piped(split.stages, split.micro_batches)
    return split.micro_batches == 1 and (split.tensor == 1 or suited.is_cut_over(split.tensor))


def _strategy(plan: Plan, workers: int) -> tuple[str, dict[str, Any]]:
    if workers > 1:
        return "multiworker", {}
    if plan.stages > 1:
        return "pipeline", {"stages": plan.stages, "micro_batches": plan.micro_batches}
    if plan.tensor > 1:
        return "model_parallel", {
            "mesh": {"batch": plan.data, "model": plan.tensor},
            "layout": "auto",
        }
    return ("mirrored", {"devices": plan.data}) if plan.data > 1 else ("one", {})


def _why(best: Plan, plans: Plans, replicated: bool) -> str:
    shown = quantities.shown_size
    fits = f"{remedies.described(best)}: {shown(best.memory.total)} of {shown(best.limit)} a device"
    if replicated:
        return fits
    whole = [plan for plan in plans.refused if plan.tensor == plan.stages == 1]
    if not whole:
        return fits
    nearest = whole[0]
    short = shown(nearest.memory.total - nearest.limit)
    return f"{fits}; the whole model on each of {_counted(nearest)} is short of {short}"


def _counted(plan: Plan) -> str:
    return f"{plan.data} device" + "s" * (plan.data > 1)
