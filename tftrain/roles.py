"""What this process is under a strategy: one of several workers, and whether its files are kept."""

from __future__ import annotations

from typing import Any

from tftrain.keras_api import tf


def between_workers(strategy: Any) -> Any:
    """The strategy that reaches the other workers.

    Local SGD trains under a strategy of one device and exchanges through another, which it
    holds as `communicator`; any other strategy is its own.
    """
    return getattr(strategy, "communicator", strategy)


def is_multi_worker(strategy: Any) -> bool:
    """Whether other processes train the same model with this one."""
    several = getattr(between_workers(strategy).extended, "_in_multi_worker_mode", None)
    return several is not None and several()


def is_writer(strategy: Any) -> bool:
    """Whether this process is the one whose files are kept."""
    return not is_multi_worker(strategy) or between_workers(strategy).extended.should_checkpoint


def keeps_files_of(model: Any) -> bool:
    """Whether this process is the one whose files of this model are kept."""
    return is_writer(getattr(model, "_distribute_strategy", None) or tf.distribute.get_strategy())
