"""Plans as text."""

from __future__ import annotations

from tftrain import quantities
from tftrain.planning.plans import Plan, Plans
from tftrain.text_tables import aligned

_SHOWN = 8
_HEAD = (
    *("rank", "data", "tensor", "stages", "micro-batches", "memory", "step", "examples/s"),
    *("compute", "communication", "bubble"),
)


def table(plans: Plans, shown: int = _SHOWN) -> str:
    """The best plans, the memory of the first, and what holds it back.

    Args:
        plans: With at least one that fits.
        shown: How many of them.
    """
    best = plans.best
    rows = [_row(rank, each) for rank, each in enumerate(plans.feasible[:shown], start=1)]
    left = len(plans.feasible) - len(rows)
    lines = [
        *_subject(plans),
        "",
        aligned([_HEAD, *rows], left=0),
        *([f"and {left} more that fit"] if left else []),
        *([_refused(plans)] if plans.refused else []),
        "",
        f"best: {_memory(best)}",
        f"      {_step(best)}",
        f"      {best.why}",
    ]
    return "\n".join(lines)


def _subject(plans: Plans) -> list[str]:
    machine, training, shown = plans.machine, plans.training, quantities.shown_size
    optimizer = training.optimizer or plans.profile.optimizer or "adam"
    settings = [f"a batch of {training.batch:,}", training.precision, optimizer]
    settings += [f"rematerialization {training.remat}"] if training.remat != "none" else []
    settings += [f"gradients by {training.codec.name}"] if training.codec else []
    if training.exchange == "ps":
        settings.append(f"{training.servers} parameter server" + "s" * (training.servers > 1))
    inner = machine.inner if machine.per_host > 1 else None
    inside = f", {shown(inner.bandwidth)}/s in hosts of {machine.per_host}" if inner else ""
    kind = f" like {machine.kind}" if machine.kind else ""
    plural = "s" * (machine.devices > 1)
    return [
        str(plans.profile),
        f"{machine.devices:,} device{plural}{kind} of {shown(machine.memory)}, {machine.flops:.3g} "
        f"operations/s each, {shown(machine.link.bandwidth)}/s between hosts{inside}",
        ", ".join(settings),
    ]


def _row(rank: int, plan: Plan) -> tuple[str, ...]:
    seconds = plan.seconds
    communication = seconds.tensor + seconds.stages + seconds.exchange
    return (
        str(rank),
        *map(str, (plan.data, plan.tensor, plan.stages, plan.micro_batches)),
        quantities.shown_size(plan.memory.total),
        quantities.shown_seconds(plan.step_seconds),
        quantities.shown_rate(plan.examples_per_second),
        *(f"{plan.share(part):.0%}" for part in (seconds.compute, communication, seconds.bubble)),
    )


def _refused(plans: Plans) -> str:
    count, least = len(plans.refused), plans.refused[0]
    over = quantities.shown_size(least.memory.total - least.limit)
    verb = "do" if count > 1 else "does"
    return f"{count} more {verb} not fit; the nearest is {over} over"


def _memory(plan: Plan) -> str:
    parts = vars(plan.memory).items()
    return "memory: " + ", ".join(f"{name} {quantities.shown_size(v)}" for name, v in parts if v)


def _step(plan: Plan) -> str:
    parts = vars(plan.seconds).items()
    return "step: " + ", ".join(f"{name} {quantities.shown_seconds(v)}" for name, v in parts if v)
