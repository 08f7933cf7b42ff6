"""A classifier's outputs as probabilities, whatever kind of outputs they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from tftrain.errors import EvaluationError
from tftrain.keras_api import keras, quiet_logger

_LEAST_SUM, _MOST_SUM = 0.99, 1.01  # of rows that were rounded to 16 bits


def predict(model: keras.Model, x: Any, classes: int, *, batch_size: int = 256) -> np.ndarray:
    """A model's probabilities of the classes.

    What its outputs are is known from its loss: those of a loss with `from_logits=True` are
    logits, all others must be probabilities.

    Args:
        model: Its output has a column a class, or is the probability of the second of two.
        x: Inputs `[N, ...]`, as the model takes them.
        classes: K.
        batch_size: Examples a call.

    Returns:
        `[N, K]`, float64, rows summing to one.

    Raises:
        EvaluationError: The outputs are neither, or of several kinds.
    """
    from_logits = bool(getattr(getattr(model, "loss", None), "from_logits", False))
    return probabilities(outputs(model, x, batch_size), classes, from_logits=from_logits)


def outputs(model: keras.Model, x: Any, batch_size: int = 256) -> Any:
    """What `model.predict` gives, without TensorFlow's advice about retracing."""
    with quiet_logger():  # many models, each with a program of its own, look like one retraced
        return model.predict(x, batch_size=batch_size, verbose=0)


def probabilities(outputs: Any, classes: int, *, from_logits: bool = False) -> np.ndarray:
    """Probabilities of all classes from a classifier's outputs.

    Args:
        outputs: `[N, K]`; or of the second of two classes `[N, 1]` or `[N]`.
        classes: K, 2 or more.
        from_logits: Whether softmax, or for one column sigmoid, is still to be applied.

    Returns:
        `[N, K]`, float64, rows summing to one; rows that are not finite stay so.

    Raises:
        EvaluationError: The outputs do not fit the classes, or are not what they are said to be.

    Example:
        >>> probabilities(np.array([[0.25], [1.0]]), 2)
        array([[0.75, 0.25],
               [0.  , 1.  ]])
        >>> probabilities(np.array([[0.0, 0.0]]), 2, from_logits=True)
        array([[0.5, 0.5]])
    """
    columns = _columns(outputs, classes)
    if from_logits:
        return _of_logits(columns)
    if columns.shape[1] == 1:
        columns = np.concatenate([1 - columns, columns], axis=1)
    _require_probabilities(columns)
    return columns / columns.sum(axis=1, keepdims=True)


def _columns(outputs: Any, classes: int) -> np.ndarray:
    if isinstance(outputs, dict):
        outputs = list(outputs.values())
    if isinstance(outputs, (list, tuple)):
        if len(outputs) != 1:
            raise EvaluationError(
                [f"the model has {len(outputs)} outputs; expected a classifier with one"]
            )
        (outputs,) = outputs
    found = np.asarray(outputs, np.float64)
    found = found[:, np.newaxis] if found.ndim == 1 else found
    if found.ndim != 2 or not (found.shape[1] == classes or (found.shape[1], classes) == (1, 2)):
        raise EvaluationError(
            [
                f"outputs of shape {np.shape(outputs)} for {classes} classes; expected "
                f"[N, {classes}]" + (", or [N, 1] with the second one's" if classes == 2 else "")
            ]
        )
    return found


def _of_logits(logits: np.ndarray) -> np.ndarray:
    from scipy import special

    if logits.shape[1] == 1:
        second = special.expit(logits)
        return np.concatenate([1 - second, second], axis=1)
    return special.softmax(logits, axis=1)


def _require_probabilities(found: np.ndarray) -> None:
    finite = found[np.isfinite(found).all(axis=1)]
    if not len(finite):
        return
    sums = finite.sum(axis=1)
    if finite.min() < 0 or finite.max() > _MOST_SUM:
        wrong = f"they go from {finite.min():.4g} to {finite.max():.4g}"
    elif sums.min() < _LEAST_SUM or sums.max() > _MOST_SUM:
        wrong = f"rows sum to between {sums.min():.4g} and {sums.max():.4g}"
    else:
        return
    raise EvaluationError(
        [
            f"the outputs are no probabilities: {wrong}; expected 0 to 1, and rows that sum to 1. "
            "If they are logits, compile the model with a loss of from_logits=True, or pass them "
            "through tftrain.evaluate.probabilities(outputs, classes, from_logits=True)"
        ]
    )
