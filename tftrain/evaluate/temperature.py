"""One number that makes a classifier as sure as it may be; its answers stay what they are."""

from __future__ import annotations

import numpy as np

_LEAST = float(np.finfo(np.float32).tiny)  # what float32 probabilities round to 0 from
_LIMIT = 100.0  # a temperature beyond it, or below its inverse, is none


def fit_temperature(y: np.ndarray, probabilities: np.ndarray) -> float | None:
    """The temperature T at which the cross-entropy of softmax(log p / T) is smallest.

    Logarithms of probabilities are logits but for a constant, which softmax does not see, so that
    outputs of any kind of model will do. The cross-entropy is convex in 1/T: there is one minimum.

    Args:
        y: True classes `[N]` of examples that are neither trained on nor tested on.
        probabilities: `[N, K]` of them.

    Returns:
        T; above 1 if the model is too sure of its answers. None if there is no minimum between
        0.01 and 100: if every answer is right, the surer the better; if they are worse than
        guesses, the less sure the better.

    Reference: Guo et al., *On Calibration of Modern Neural Networks*, 2017, section 4.2.

    Example:
        >>> y, p = np.array([0, 0, 0, 1]), np.tile([[0.9, 0.1]], (4, 1))  # 0.75 would be right
        >>> round(fit_temperature(y, p), 3)  # log(0.9 / 0.1) / log(0.75 / 0.25)
        2.0
    """
    from scipy import optimize

    logs = _logs(probabilities)
    truth = logs[np.arange(len(y)), y]
    if (truth == logs.max(axis=1)).all() or truth.mean() <= logs.mean():
        return None

    def cross_entropy(log_temperature: float) -> float:
        inverse = np.exp(-log_temperature)
        return float(_log_sum_exp(inverse * logs).mean() - inverse * truth.mean())

    bounds = (-np.log(_LIMIT), np.log(_LIMIT))
    found = optimize.minimize_scalar(
        cross_entropy, bounds=bounds, method="bounded", options={"xatol": 1e-6}
    )
    inside = min(found.x - bounds[0], bounds[1] - found.x) > 1e-3
    return float(np.exp(found.x)) if inside else None


def with_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """The probabilities softmax(log p / T).

    Args:
        probabilities: `[N, K]`.
        temperature: T, above 0: above 1 makes them more alike, below 1 less.

    Example:
        >>> with_temperature(np.array([[0.9, 0.1]]), 2.0).round(3)
        array([[0.75, 0.25]])
    """
    logs = _logs(probabilities) / temperature
    return np.exp(logs - _log_sum_exp(logs)[:, np.newaxis])


def _logs(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(np.asarray(probabilities, np.float64), _LEAST))


def _log_sum_exp(logs: np.ndarray) -> np.ndarray:
    from scipy import special

    return special.logsumexp(logs, axis=1)
