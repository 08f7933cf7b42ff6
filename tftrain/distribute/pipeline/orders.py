"""In which order a stage does its work: forward and backward passes of micro-batches.

Both orders compute the same. They differ in how many micro-batches a stage has begun and not yet
gone back through, whose activations it must keep: all of them in GPipe's, at most as many as there
are stages from here to the last in 1F1B's.

References: Huang et al., "GPipe", 2019; Narayanan et al., "Efficient Large-Scale Language Model
Training on GPU Clusters Using Megatron-LM", 2021 (1F1B with a flush at the end of each batch).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

NAMES = ("1f1b", "gpipe")
FORWARD, BACKWARD = "forward", "backward"


class Work(NamedTuple):
    """What a stage does without a break: one pass of one micro-batch."""

    stage: int
    micro_batch: int
    direction: str


def of_stage(schedule: str, stage: int, stages: int, micro_batches: int) -> list[Work]:
    """One stage's work in the order in which it does it.

    Example:
        >>> "".join(f"{work.direction[0]}{work.micro_batch} "
        ...         for work in of_stage("1f1b", 0, 2, 3)).upper()
        'F0 F1 B0 F2 B1 B2 '
    """
    forward = [Work(stage, m, FORWARD) for m in range(micro_batches)]
    backward = [Work(stage, m, BACKWARD) for m in range(micro_batches)]
    if schedule == "gpipe":
        return forward + backward
    ahead = min(stages - stage - 1, micro_batches)
    pairs = zip(forward[ahead:], backward, strict=False)
    return [
        *forward[:ahead],
        *(work for pair in pairs for work in pair),
        *backward[micro_batches - ahead :],
    ]


def of_all(schedule: str, stages: int, micro_batches: int) -> Iterator[Work]:
    """All stages' work, each after what it needs and after what its stage does before it."""
    queues = [of_stage(schedule, s, stages, micro_batches) for s in range(stages)]
    done: set[Work] = set()
    while any(queues):
        ready = [queue.pop(0) for queue in queues if queue and needs(queue[0], stages) <= done]
        done.update(ready)
        yield from ready


def needs(work: Work, stages: int) -> set[Work]:
    """What must be done before: the stage before, or the stage after on the way back."""
    stage, micro_batch, direction = work
    if direction == FORWARD:
        return {Work(stage - 1, micro_batch, FORWARD)} if stage else set()
    own = Work(stage, micro_batch, FORWARD)
    return {own, Work(stage + 1, micro_batch, BACKWARD)} if stage + 1 < stages else {own}


def ideal_bubble(stages: int, micro_batches: int) -> float:
    """The share of time in which stages wait, if all passes take equally long.

    Formula: (S - 1) / (M + S - 1), for S stages and M micro-batches, in both orders.

    Example:
        >>> ideal_bubble(stages=4, micro_batches=12)
        0.2
    """
    return (stages - 1) / (micro_batches + stages - 1)


def most_kept(schedule: str, stages: int, micro_batches: int) -> list[int]:
    """Each stage's largest number of micro-batches whose activations it keeps at a time.

    Example:
        >>> most_kept("gpipe", 4, 8), most_kept("1f1b", 4, 8)
        ([8, 8, 8, 8], [4, 3, 2, 1])
    """
    return [_most_kept(of_stage(schedule, s, stages, micro_batches)) for s in range(stages)]


def _most_kept(works: list[Work]) -> int:
    kept = most = 0
    for work in works:
        kept += 1 if work.direction == FORWARD else -1
        most = max(most, kept)
    return most
