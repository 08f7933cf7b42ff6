"""Set aside a share of the training part where a source has no split of its own."""

from __future__ import annotations

import dataclasses

import numpy as np

from tftrain.data.records.content import Content, Part
from tftrain.errors import BadInput, DataError


def hold_out(content: Content, shares: dict[str, float], seed: int) -> Content:
    """Moves shares of `train` to `validation` and `test`, stratified by class.

    Args:
        content: A source.
        shares: Share of the source's training part, in [0, 1), by split; 0 for none.
        seed: The choice is drawn from it.

    Raises:
        BadInput: A share out of range, or of a split that the source has already.
        DataError: Too few examples of a class.
    """
    check(shares)
    parts = dict(content.parts)
    whole = len(parts["train"].y)
    for name, share in shares.items():
        if not share:
            continue
        if name in parts:
            raise BadInput(
                f"{content.info.source} has a {name} split of {len(parts[name].y)} examples; "
                f"leave out --{name}={share}"
            )
        parts["train"], parts[name] = _divided(parts["train"], max(1, round(whole * share)), seed)
    return dataclasses.replace(content, parts=parts)


def check(shares: dict[str, float]) -> None:
    """Raises BadInput unless the shares leave something to train on."""
    for name, share in shares.items():
        if not 0 <= share < 1:
            raise BadInput(f"{name} is {share}; expected a share in [0, 1)")
    if sum(shares.values()) >= 1:
        raise BadInput(f"the shares {shares} leave nothing to train on")


def _divided(part: Part, size: int, seed: int) -> tuple[Part, Part]:
    from sklearn.model_selection import train_test_split

    try:
        kept, held_out = train_test_split(
            np.arange(len(part.y)), test_size=size, stratify=part.y, random_state=seed
        )
    except ValueError as error:
        raise DataError(
            f"{len(part.y)} examples cannot give {size} away, some of each class: {error}"
        ) from error
    return part.take(np.sort(kept)), part.take(np.sort(held_out))
