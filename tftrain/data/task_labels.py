"""Labels of several tasks, where not every example has one of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tftrain.errors import BadInput


def known_labels(labels: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Labels by task to train on, and weights that leave out those that are missing.

    Both go to `fit` and `evaluate`, as y and sample_weight. A weight of 0 takes an example out of
    that task's loss and of its `weighted_metrics` (not of `metrics`, which count every example).

    Args:
        labels: By task one array `[N, ...]`: whole numbers of which -1 is a missing label, or
            floats of which NaN is one.

    Returns:
        The labels with 0 for those that are missing, and by task the weights, float32 `[N]`.

    Raises:
        BadInput: Tasks have arrays of unlike length, or other numbers than these.

    Example:
        >>> y, weights = known_labels({"digit": [3, -1], "size": [float("nan"), 0.5]})
        >>> y["digit"].tolist(), weights["digit"].tolist(), weights["size"].tolist()
        ([3, 0], [1.0, 0.0], [0.0, 1.0])
    """
    arrays = {task: np.asarray(given) for task, given in labels.items()}
    if len({array.shape[:1] for array in arrays.values()}) > 1:
        lengths = ", ".join(f"{task!r} has {array.shape[:1]}" for task, array in arrays.items())
        raise BadInput(f"labels of tasks are of unlike length: {lengths}; expected one for all")
    known = {task: _known(task, array) for task, array in arrays.items()}
    filled = {task: np.where(known[task], array, 0) for task, array in arrays.items()}
    weights = {
        task: flags.all(axis=tuple(range(1, flags.ndim))).astype("float32")
        for task, flags in known.items()
    }
    return {task: array.astype(arrays[task].dtype) for task, array in filled.items()}, weights


def _known(task: str, array: np.ndarray) -> np.ndarray:
    if array.ndim and np.issubdtype(array.dtype, np.floating):
        return ~np.isnan(array)
    if array.ndim and np.issubdtype(array.dtype, np.integer):
        return array != -1
    raise BadInput(
        f"labels of {task!r} are {array.dtype} of shape {array.shape}; expected an array of whole "
        "numbers (-1: missing) or floats (NaN: missing), an entry for each example"
    )
