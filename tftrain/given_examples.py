"""Examples of a model's inputs, in whichever form a user has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from tftrain import structures
from tftrain.keras_api import tf
from tftrain.structures import Structure


def parts(structure: Structure, given: Any) -> Iterator[dict[str, np.ndarray]]:
    """Arrays by the names of a structure; of a dataset, batch for batch.

    Args:
        structure: Of the inputs.
        given: Inputs `[N, ...]`, in a list or a dict if there are several; `(x, y)` or
            `(x, y, sample_weight)`; something with `.x`; a batched `tf.data.Dataset` of those.

    Raises:
        BadInput: They are nested otherwise than the structure.
    """
    if not isinstance(given, tf.data.Dataset):
        yield _arrays(structure, _inputs_of(given))
        return
    for batch in given:
        yield _arrays(structure, tf.nest.map_structure(np.asarray, _inputs_of(batch)))


def _inputs_of(given: Any) -> Any:
    if isinstance(given, tuple) and len(given) in (1, 2, 3):
        return given[0]
    return given.x if hasattr(given, "x") else given


def _arrays(structure: Structure, inputs: Any) -> dict[str, np.ndarray]:
    values = structures.by_name(structure, inputs)
    return {name: np.asarray(value) for name, value in values.items()}


def gathered(batches: Iterable[dict[str, np.ndarray]], enough: int) -> dict[str, np.ndarray] | None:
    """The first batches as one, as many as give enough rows; None if there are none."""
    taken: list[dict[str, np.ndarray]] = []
    rows = 0
    for batch in batches:
        taken.append(batch)
        rows += len(next(iter(batch.values())))
        if rows >= enough:
            break
    if not taken:
        return None
    return {name: np.concatenate([batch[name] for batch in taken]) for name in taken[0]}


def misfit(array: np.ndarray, shape: tuple[int | None, ...], kinds: str, dtype: str) -> str | None:
    """Why an array is none of examples of this shape and NumPy kind; None if it is.

    Args:
        array: `[N, ...]`.
        shape: With the batch axis; None for free axes.
        kinds: Letters of `numpy.dtype.kind`; "f" includes bfloat16.
        dtype: What is expected, by name.
    """
    sizes = shape[1:]
    if array.ndim != len(shape) or any(
        size is not None and size != given
        for size, given in zip(sizes, array.shape[1:], strict=True)
    ):
        wanted = ", ".join(["N", *("any" if size is None else str(size) for size in sizes)])
        return f"have shape {array.shape}; expected [{wanted}]"
    if not len(array):
        return "hold no example; expected some hundred"
    if array.dtype.kind not in kinds and not ("f" in kinds and array.dtype.name == "bfloat16"):
        return f"are {array.dtype}; expected {dtype}"
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return "hold NaN or infinite numbers: remove those examples"
    return None
