"""What this process is under a strategy: one of several workers, and whether it is the chief."""

from __future__ import annotations

from typing import Any

from tftrain.distribute.clusters import Cluster

_cluster: Cluster | None = None


def take_part_in(cluster: Cluster) -> None:
    """Notes the cluster of this process; a process has one."""
    global _cluster
    _cluster = cluster


def process_is_writer() -> bool:
    """Whether this process is the one whose files are kept, whatever it is about to write."""
    return _cluster is None or _cluster.is_chief


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
