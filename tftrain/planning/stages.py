"""A model cut into stages whose work is as even as its layers allow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tftrain.planning.profiles import LayerProfile

Stage = tuple[LayerProfile, ...]


def cut(
    layers: Sequence[LayerProfile], stages: int, work: Callable[[LayerProfile], float]
) -> list[Stage]:
    """Neighbouring layers put together so that the largest stage is as small as can be.

    Args:
        layers: In the order of the forward pass, `stages` or more.
        stages: How many; none is left empty.
        work: Of a layer.

    Example:
        >>> layers = [LayerProfile(name, flops=flops) for name, flops in zip("abcd", (1, 1, 2, 3))]
        >>> [[each.name for each in stage] for stage in cut(layers, 2, lambda each: each.flops)]
        [['a', 'b', 'c'], ['d']]
    """
    works = [work(layer) for layer in layers]
    low, high = max(works), sum(works)
    for _ in range(50):
        middle = (low + high) / 2
        if len(_filled(works, middle, stages)) <= stages:
            high = middle
        else:
            low = middle
    bounds = _filled(works, high * (1 + 1e-9), stages)
    starts = [0, *bounds[:-1]]
    return [tuple(layers[start:end]) for start, end in zip(starts, bounds, strict=True)]


def _filled(works: Sequence[float], limit: float, stages: int) -> list[int]:
    """Where stages end that are filled up to a limit, with a layer left for each of the rest."""
    ends: list[int] = []
    total = 0.0
    for index, each in enumerate(works):
        begun = index > (ends[-1] if ends else 0)
        left = stages - len(ends) - 1  # stages after the one that is being filled
        if begun and (total + each > limit or len(works) - index <= left):
            ends.append(index)
            total = 0.0
        total += each
    return [*ends, len(works)]
