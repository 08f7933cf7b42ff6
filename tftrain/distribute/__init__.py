"""One script, one device or many hosts: strategies, clusters, the launcher, repairs of Keras.

Example:
    >>> import tftrain.distribute
    >>> callable(tftrain.distribute.strategy)
    True
"""

from __future__ import annotations

from typing import Any

__all__ = ["strategy"]


def __getattr__(name: str) -> Any:
    # Loading on demand keeps the launcher, which needs no TensorFlow, quick to start.
    if name == "strategy":
        from tftrain.distribute.strategies import strategy

        return strategy
    raise AttributeError(f"module 'tftrain.distribute' has no attribute {name!r}")
