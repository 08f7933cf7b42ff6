"""Labels: whether they are what a loss compares answers with, and a few of each class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tftrain import data
from tftrain.errors import FineTuningError
from tftrain.keras_api import keras

SPARSE, ONE_HOT, BINARY, SEVERAL = "sparse", "one-hot", "binary", "0 or 1 for each"


def few_labels(examples: data.Examples, per_class: int, *, seed: int = 0) -> data.Examples:
    """So many examples of each class, drawn at random; in the order they had.

    Args:
        examples: In memory.
        per_class: 1 or more.
        seed: Of the draw.

    Raises:
        FineTuningError: A class has fewer.

    Example:
        >>> splits = data.load("digits")
        >>> len(few_labels(splits.train, 10))
        100
    """
    labels, counts = np.unique(examples.y, return_counts=True)
    if per_class < 1:
        raise FineTuningError([f"labels_per_class is {per_class}; expected 1 or more"])
    if counts.min() < per_class:
        raise FineTuningError(
            [
                f"labels_per_class is {per_class}, but class {labels[counts.argmin()]} has "
                f"{counts.min()} examples: choose fewer"
            ]
        )
    random = np.random.default_rng(seed)
    drawn = [
        random.choice(np.flatnonzero(examples.y == label), per_class, replace=False)
        for label in labels
    ]
    return examples.take(np.sort(np.concatenate(drawn)))


def form_of(loss: Any, outputs: int = 1) -> str | None:
    """How a loss takes labels for so many outputs; None if it is none of the usual ones."""
    name = getattr(loss, "name", None) or getattr(loss, "__name__", None) or str(loss)
    binary = BINARY if outputs == 1 else SEVERAL
    for part, form in (("sparse", SPARSE), ("categorical", ONE_HOT), ("binary", binary)):
        if part in name.lower():
            return form
    return None


def usual_loss(units: int, activation: Any, y: Any) -> Any:
    """The loss that suits a head and labels, for a model that was not compiled."""
    if units == 1:
        logits = activation is not keras.activations.sigmoid
        return keras.losses.BinaryCrossentropy(from_logits=logits)
    one_hot = np.shape(y)[1:] == (units,)
    kind = "CategoricalCrossentropy" if one_hot else "SparseCategoricalCrossentropy"
    logits = activation is not keras.activations.softmax
    return getattr(keras.losses, kind)(from_logits=logits)


def problems(x: Any, y: Any, form: str | None, outputs: int, what: str) -> Iterator[str]:
    """What is wrong with arrays of labels `[N]` or `[N, K]`, in full sentences."""
    if y is None:
        yield f"{what}: no labels; expected one for each input"
    elif len(x) != len(y):
        yield f"{what}: {len(x)} inputs, but {len(y)} labels"
    elif not len(y):
        yield f"{what}: no examples; expected at least one"
    elif form in (ONE_HOT, SEVERAL):
        if np.shape(y)[1:] != (outputs,):
            yield f"{what}: labels have shape {np.shape(y)}; expected [N, {outputs}], {form}"
    elif form in (SPARSE, BINARY):
        yield from _of_indices(np.asarray(y), 2 if form == BINARY else outputs, what)


def _of_indices(y: np.ndarray, classes: int, what: str) -> Iterator[str]:
    if y.ndim != 1 and y.shape[1:] != (1,):
        yield f"{what}: labels have shape {y.shape}; expected [N], the numbers of classes"
    elif y.dtype.kind not in "biuf":
        yield f"{what}: labels are of {y.dtype}; expected numbers, 0 to {classes - 1}"
    elif not np.all(np.equal(np.mod(y, 1), 0)):
        yield f"{what}: labels are not whole numbers; expected 0 to {classes - 1}"
    elif y.min() < 0 or y.max() >= classes:
        yield (
            f"{what}: labels from {y.min()} to {y.max()}; expected 0 to {classes - 1}, for "
            f"{classes} classes"
        )
