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
    starts = [0, *even_cuts([work(layer) for layer in layers], stages)]
    ends = [*starts[1:], len(layers)]
    return [tuple(layers[start:end]) for start, end in zip(starts, ends, strict=True)]


def even_cuts(works: Sequence[float], parts: int) -> list[int]:
    """Cuts a sequence into contiguous parts, none empty, with the least largest sum.

    Args:
        works: `parts` or more.
        parts: How many.

    Returns:
        The first index of each part but the first.

    Example:
        >>> even_cuts([4, 4, 1, 1, 6], 3)
        [1, 4]
    """
    low, high = max(works), sum(works)
    for _ in range(50):
        middle = (low + high) / 2
        if len(_cuts_at(works, middle, parts)) < parts:
            high = middle
        else:
            low = middle
    return _cuts_at(works, high * (1 + 1e-9), parts)


def _cuts_at(works: Sequence[float], limit: float, parts: int) -> list[int]:
    """Cuts that fill parts up to a limit, and leave something for each of the rest."""
    cuts: list[int] = []
    total = 0.0
    for index, each in enumerate(works):
        begun = index > (cuts[-1] if cuts else 0)
        left = parts - len(cuts) - 1  # parts after the one that is being filled
        if begun and (total + each > limit or len(works) - index <= left):
            cuts.append(index)
            total = 0.0
        total += each
    return cuts
