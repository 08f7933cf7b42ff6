"""Learning rates as numbers: what they may be, and how they follow the batch size."""

from __future__ import annotations

import math

from tftrain.errors import BadInput


def scaled_rate(rate: float, batch_size: int, *, base_batch_size: int = 256) -> float:
    """The rate for a larger batch: k times the batch, k times the rate; with a warm-up.

    The rule is for SGD, and holds up to some batch size that depends on the task.

    Args:
        rate: The rate that is right for `base_batch_size`.
        batch_size: Examples a step, of all replicas and accumulated batches together.
        base_batch_size: Examples a step.

    Raises:
        BadInput: A number is not positive.

    Reference: Goyal et al., *Accurate, Large Minibatch SGD*, 2017.

    Example:
        >>> scaled_rate(0.1, 1024)
        0.4
    """
    check_rate(rate)
    for name, value in (("batch_size", batch_size), ("base_batch_size", base_batch_size)):
        if value < 1:
            raise BadInput(f"{name} is {value}; expected 1 or more")
    return rate * batch_size / base_batch_size


def check_rate(rate: float) -> None:
    """Raises BadInput unless `rate` is a positive number."""
    if not 0 < rate < math.inf:
        raise BadInput(f"learning_rate is {rate}; expected a positive number")
