"""When each stage worked on what: measured passes of one batch, and how much of the time was idle.

schedule = strategy.schedule(model, x, y)
print(schedule)          # the bubble's share, measured and ideal
schedule.plot("bubble.png")
"""

from __future__ import annotations

import dataclasses
import os
from collections import defaultdict
from collections.abc import Sequence

from tftrain.distribute.pipeline import orders
from tftrain.distribute.pipeline.orders import Work


@dataclasses.dataclass(frozen=True)
class Pass:
    """One stage's pass of one micro-batch, in seconds since the batch began."""

    work: Work
    begin: float
    end: float


@dataclasses.dataclass(frozen=True)
class Schedule:
    """The passes of one batch.

    Attributes:
        order: `1f1b` or `gpipe`.
        stages: How many.
        micro_batches: How many.
        passes: All of them, forward and backward.
    """

    order: str
    stages: int
    micro_batches: int
    passes: tuple[Pass, ...]

    @property
    def seconds(self) -> float:
        """From the first pass's begin to the last one's end."""
        return max(each.end for each in self.passes) - min(each.begin for each in self.passes)

    @property
    def bubble(self) -> float:
        """The share of the stages' time in which they did nothing, as measured."""
        busy = sum(each.end - each.begin for each in self.passes)
        return max(0.0, 1 - busy / (self.stages * self.seconds))

    @property
    def ideal_bubble(self) -> float:
        """The same if all stages took equally long, (S - 1) / (M + S - 1)."""
        return orders.ideal_bubble(self.stages, self.micro_batches)

    @property
    def balance_bubble(self) -> float:
        """The same for the passes as long as they were, each begun as soon as it could be.

        Here a pass gives its results at its end; in truth a gradient goes back before those of the
        pass's weights are there. What it exceeds the ideal by is due to stages that are not
        equally long; what the measured bubble exceeds it by, to TensorFlow and the machine.
        """
        return self.replayed().bubble

    def replayed(self, even: bool = False) -> Schedule:
        """The schedule without waiting for anything but what a pass needs.

        Args:
            even: Whether all stages take what they take on average.
        """
        seconds = _even(self.passes) if even else {p.work: p.end - p.begin for p in self.passes}
        passes: dict[Work, Pass] = {}
        free = [0.0] * self.stages
        for work in orders.of_all(self.order, self.stages, self.micro_batches):
            needs = orders.needs(work, self.stages)
            begin = max([free[work.stage], *(passes[need].end for need in needs)])
            passes[work] = Pass(work, begin, begin + seconds[work])
            free[work.stage] = passes[work].end
        return dataclasses.replace(self, passes=tuple(passes.values()))

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draws the passes as measured, above the same without bubbles that need not be."""
        from tftrain.atomic import replace_file
        from tftrain.distribute.pipeline.gantt import drawn

        with replace_file(path) as file:
            drawn(self).savefig(file, dpi=120, format="png")

    def __str__(self) -> str:
        return (
            f"{self.order}, {self.stages} stages, {self.micro_batches} micro-batches: "
            f"{1000 * self.seconds:.1f} ms, idle {self.bubble:.0%} of the stages' time (passes "
            f"as long as these allow {self.balance_bubble:.0%}, equally long ones "
            f"{self.ideal_bubble:.0%})"
        )


def _even(passes: Sequence[Pass]) -> dict[Work, float]:
    """For each pass the mean of those of its direction."""
    seconds = defaultdict(list)
    for each in passes:
        seconds[each.work.direction].append(each.end - each.begin)
    means = {direction: sum(found) / len(found) for direction, found in seconds.items()}
    return {each.work: means[each.work.direction] for each in passes}
