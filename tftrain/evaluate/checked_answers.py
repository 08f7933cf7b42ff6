"""True classes and a classifier's answers, once they fit each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tftrain.errors import EvaluationError
from tftrain.evaluate.answers import probabilities as as_probabilities


def checked(
    y: np.ndarray, probabilities: np.ndarray, labels: Sequence[str], which: str = ""
) -> tuple[np.ndarray, np.ndarray]:
    """True classes `[N]` and probabilities `[N, K]`; `which` set they are of, for the errors.

    Raises:
        EvaluationError: None, or they do not fit each other or the K labels.
    """
    y, given = true_classes(y, which), np.shape(probabilities)
    if len(given) not in (1, 2) or given[0] != len(y) or len(labels) < 2:
        raise EvaluationError(
            [
                f"{which}true classes of shape {y.shape}, probabilities of shape {given} and "
                f"{len(labels)} labels do not fit; expected [N], [N, K] and K, 2 or more"
            ]
        )
    if y.max() >= len(labels):
        raise EvaluationError(
            [
                f"{which}true classes are {y.dtype} from {y.min()} to {y.max()}; expected "
                f"integers from 0 to {len(labels) - 1}, since there are {len(labels)} labels"
            ]
        )
    return y, as_probabilities(probabilities, len(labels))


def true_classes(y: np.ndarray, which: str = "") -> np.ndarray:
    """True classes `[N]`, once they are some; `which` set they are of, for the errors.

    Raises:
        EvaluationError: They are none.
    """
    y = np.asarray(y)
    if y.size == 0:
        raise EvaluationError([f"the {which}set is empty: expected at least one example"])
    if y.ndim != 1 or y.dtype.kind not in "iu" or y.min() < 0:
        least = f", the least {y.min()}" if y.dtype.kind in "if" else ""
        raise EvaluationError(
            [
                f"{which}true classes are {y.dtype} of shape {y.shape}{least}; expected integers "
                "[N], 0 or more"
            ]
        )
    return y
