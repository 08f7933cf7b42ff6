"""The machine, divided between the trials that run side by side."""

from __future__ import annotations

from collections.abc import Iterator

from tftrain import quantities
from tftrain.control_groups import memory_here
from tftrain.distribute import allocation, cores
from tftrain.distribute.allocation import Share
from tftrain.errors import SweepError

LEAST_MEMORY = 384 << 20  # the perceptron on the embedded digits takes 331 MiB


def divided(
    parallel: int,
    memory_bytes: int | None = None,
    *,
    pin: bool | None = None,
    trials: int | None = None,
) -> list[Share]:
    """What each of the trials that run side by side may use of the machine.

    Args:
        parallel: How many may run side by side.
        memory_bytes: What each may use; None for no limit.
        pin: Whether each keeps to cores of its own; None for where nothing else uses them. If not,
            only its pools are of that size.
        trials: How many there are, if fewer than `parallel` would leave cores to nobody.

    Raises:
        SweepError: More trials than cores, or more memory than there is.
    """
    problems = []
    usable = len(cores.usable())
    if not 1 <= parallel <= usable:
        problems.append(
            f"parallel is {parallel}, but there are {usable} cores to share; expected 1 to {usable}"
        )
    if memory_bytes is not None:
        problems += _wrong_memory(parallel, memory_bytes)
    if problems:
        raise SweepError(problems)
    found = allocation.shares(min(parallel, trials or parallel), memory_bytes=memory_bytes)
    if allocation.pins(pin, len(found), cores.usable(), "trials"):
        return found
    return [Share((), memory_bytes, one.threads) for one in found]


def _wrong_memory(parallel: int, each: int) -> Iterator[str]:
    shown = quantities.shown_size
    if each < LEAST_MEMORY:
        yield (
            f"memory is {shown(each)} a trial; expected {shown(LEAST_MEMORY)} or more, which the "
            "smallest training needs"
        )
    there = memory_here()
    if parallel * each > there:
        yield (
            f"memory is {shown(each)} a trial, {shown(parallel * each)} for {parallel} side by "
            f"side, and this machine has {shown(there)}: fewer side by side, or less each"
        )
