"""The picture of a training that grows: throughput and efficiency by the number of devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

if TYPE_CHECKING:
    from tftrain.planning.scaling import Scaling

_INK = "#2b2b2b"
_COLOURS = ("#3465a4", "#cc6600", "#4e9a06", "#75507b", "#888a85")
_MARKS = ("o", "s", "^", "D", "v")


def throughput_and_efficiency(scaling: Scaling) -> Figure:
    """Two panels over the number of devices; a line a codec, and the throughput of no waiting.

    Args:
        scaling: With at least one point.
    """
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    counts = sorted({point.devices for curve in scaling.curves for point in curve.points})
    _ideal(left, scaling, counts)
    for number, curve in enumerate(scaling.curves):
        devices = [point.devices for point in curve.points]
        style = {"color": _COLOURS[number % 5], "marker": _MARKS[number % 5], "markersize": 5}
        label = "uncompressed" if curve.name == "none" else curve.name
        rates = [point.plan.examples_per_second for point in curve.points]
        left.plot(devices, rates, label=label, **style)
        right.plot(devices, [100 * p.efficiency for p in curve.points], label=label, **style)
    left.set_yscale("log")
    left.set(title="throughput", ylabel="examples a second")
    right.set(title="efficiency", ylabel="computing, % of the time", ylim=(0, 105))
    for axes in (left, right):
        _devices(axes, counts)
    left.legend(frameon=False, fontsize=9)
    figure.suptitle(_title(scaling), fontsize=11, color=_INK)
    return figure


def _ideal(axes: Axes, scaling: Scaling, counts: list[int]) -> None:
    first = next(curve.points[0] for curve in scaling.curves if curve.points)
    rate = first.plan.examples_per_second / first.efficiency / first.devices
    axes.plot(
        counts, [rate * count for count in counts], ":", color=_INK, linewidth=1, label="no waiting"
    )


def _devices(axes: Axes, counts: list[int]) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(counts[:: -(-len(counts) // 7)]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("devices")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _title(scaling: Scaling) -> str:
    from tftrain import quantities

    count = quantities.shown_count(scaling.profile.parameters)
    link = quantities.shown_size(scaling.machine.link.bandwidth)
    each = f"{scaling.batch_per_device:g} example{'s' * (scaling.batch_per_device != 1)} a device"
    return f"{scaling.profile.name}: {count} parameters, {each}, {link}/s between hosts"
