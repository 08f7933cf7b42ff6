"""The names of the ways `fit` can be run."""

from __future__ import annotations

from tftrain.errors import UnknownName

NAMES = ("auto", "keras", "multi_step", "fused_epoch", "fused_epoch_xla")
AUTO, KERAS, MULTI_STEP, FUSED, FUSED_XLA = NAMES


def check_name(name: str) -> None:
    """Raises UnknownName if there is no such engine."""
    if name not in NAMES:
        raise UnknownName("engine", name, NAMES)
