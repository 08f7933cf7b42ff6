"""The picture of a schedule: a row a stage, a bar a pass, idle time left white."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tftrain.distribute.pipeline.orders import FORWARD
from tftrain.distribute.pipeline.schedules import Schedule

_INK, _FORWARD, _BACKWARD = "#2b2b2b", "#7fa8d9", "#e3a857"


def drawn(schedule: Schedule) -> Figure:
    """The schedule as measured, and below it the ideal one of equally long passes.

    Args:
        schedule: What is drawn. Bars carry the number of their micro-batch.
    """
    ideal = schedule.replayed(even=True)
    height = 1.9 + 0.9 * schedule.stages
    figure = Figure(figsize=(9.5, height), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    _draw(above, schedule, f"measured: idle {schedule.bubble:.0%}")
    _draw(below, ideal, f"ideal, equally long stages: idle {schedule.ideal_bubble:.0%}")
    below.set_xlabel("milliseconds")
    figure.legend(
        handles=[Patch(color=_FORWARD, label="forward"), Patch(color=_BACKWARD, label="backward")],
        loc="outside right upper",
        frameon=False,
    )
    figure.suptitle(
        f"{schedule.order}, {schedule.stages} stages, {schedule.micro_batches} micro-batches",
        x=0.01,
        ha="left",
        fontsize=11,
        color=_INK,
    )
    return figure


def _draw(axes: Axes, schedule: Schedule, title: str) -> None:
    whole = schedule.seconds
    for each in schedule.passes:
        seconds = each.end - each.begin
        axes.barh(
            each.work.stage,
            1000 * seconds,
            left=1000 * each.begin,
            height=0.8,
            color=_FORWARD if each.work.direction == FORWARD else _BACKWARD,
            edgecolor="white",
            linewidth=0.8,
        )
        if seconds > 0.015 * whole:  # narrower than its number
            middle = 1000 * (each.begin + each.end) / 2
            number = str(each.work.micro_batch)
            axes.text(middle, each.work.stage, number, ha="center", va="center", fontsize=8)
    axes.set_title(title, loc="left", fontsize=10, color=_INK)
    axes.set_yticks(range(schedule.stages), [f"stage {s}" for s in range(schedule.stages)])
    axes.invert_yaxis()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
