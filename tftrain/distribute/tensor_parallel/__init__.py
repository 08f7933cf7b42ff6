"""Tensor parallelism: variables cut over the devices of a mesh, steps that equal one device's.

TensorFlow's DTensor does the work: an operation on tensors that have a layout becomes one on each
device's shard, with the collectives it needs. What is here puts Keras on it.
"""

from __future__ import annotations

from typing import Any


def is_model_parallel(strategy: Any) -> bool:
    """Whether `strategy` cuts variables over a mesh; asked without importing DTensor."""
    return getattr(strategy, "cuts_variables", False)
