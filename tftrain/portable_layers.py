"""Layers, and how they are made to compute by operations that every device has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

_FUSED = frozenset({"use_cudnn", "_could_use_gpu_kernel"})  # of recurrent layers, in both Keras


def all_layers(model: Any) -> list[Any]:
    """All layers of a model, those of nested models and wrappers too."""
    return list(model._flatten_layers())


@contextlib.contextmanager
def without_fused_loops(model: Any) -> Iterator[None]:
    """Recurrent layers loop step by step meanwhile, instead of by one operation of a GPU.

    What is traced on a machine with a GPU then runs where there is none.
    """
    with contextlib.ExitStack() as changes:
        for layer in all_layers(model):
            for attribute in _FUSED & vars(layer).keys():
                changes.callback(setattr, layer, attribute, getattr(layer, attribute))
                setattr(layer, attribute, False)
        yield
