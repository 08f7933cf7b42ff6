"""What this process is in its cluster and under a strategy: one of several, or the chief."""

from __future__ import annotations

from tftrain.distribute.clusters import Cluster
from tftrain.roles import between_workers, is_multi_worker, is_writer

__all__ = [
    "between_workers", "is_multi_worker", "is_writer", "process_is_writer", "take_part_in",
    "task_name",
]  # fmt: skip

_cluster: Cluster | None = None


def take_part_in(cluster: Cluster) -> None:
    """Notes the cluster of this process; a process has one."""
    global _cluster
    _cluster = cluster


def process_is_writer() -> bool:
    """Whether this process is the one whose files are kept, whatever it is about to write."""
    return _cluster is None or _cluster.is_chief


def task_name() -> str | None:
    """This process in its cluster, e.g. `worker 1`; None outside of any."""
    return None if _cluster is None else _cluster.name
