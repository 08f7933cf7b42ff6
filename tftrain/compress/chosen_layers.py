"""Which layers of a model are compressed."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tftrain.errors import BadInput, CompressionError, UnknownName


def choose(
    able: Iterable[str],
    every: Collection[str],
    *,
    only: Collection[str] | None,
    skip: Collection[str],
    what: str,
) -> list[str]:
    """Names of the layers concerned.

    Args:
        able: Names of layers that can be compressed in this way.
        every: Names of all layers.
        only: Those to compress; None for all that can be.
        skip: Those to leave alone.
        what: What is done to them, for messages: "pruned".

    Raises:
        UnknownName: `only` or `skip` names a layer that the model lacks.
        CompressionError: `only` names a layer that cannot be compressed, or none is left.

    Example:
        >>> choose(["a", "c"], ["a", "b", "c"], only=None, skip=["a"], what="pruned")
        ['c']
    """
    for name, given in (("only", only), ("skip", skip)):
        if isinstance(given, str):
            raise BadInput(f"{name} is the text {given!r}; expected a list of layer names")
    for name in (*(only or ()), *skip):
        if name not in every:
            raise UnknownName("layer", name, every)
    able = list(able)
    unable = [name for name in only or () if name not in able]
    if unable:
        raise CompressionError(
            [f"layer {name!r} has nothing that can be {what}: leave it out" for name in unable]
        )
    chosen = [name for name in able if name in (only or able) and name not in skip]
    if not chosen:
        raise CompressionError([f"no layer is left to be {what}; it could be: {', '.join(able)}"])
    return chosen
