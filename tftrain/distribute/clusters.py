"""Who takes part in a job: the tasks' addresses, and which of them this process is.

A cluster is read from whatever started the process: TF_CONFIG (Kubeflow's TFJob, `tftrain
launch`, by hand), Slurm, or the index of a Kubernetes pod. TensorFlow is not imported.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any

from tftrain.distribute import cluster_fields
from tftrain.errors import ClusterError

SERVERS_VARIABLE = "TFTRAIN_SERVERS"


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The tasks of one job and the place of this process among them.

    Attributes:
        workers: `host:port` of each worker, in index order.
        ps: `host:port` of each parameter server.
        chief: `host:port` of the chief, or None where worker 0 is the chief.
        task_type: What this process is: `worker`, `ps` or `chief`.
        task_index: Its index among the tasks of that type.

    Raises:
        ClusterError: An address is malformed or occurs twice, the task is not in the cluster.

    Example:
        >>> cluster = Cluster(workers=("a:1", "b:1"), task_index=1)
        >>> cluster.address, cluster.is_chief
        ('b:1', False)
        >>> cluster.tf_config()["task"]
        {'type': 'worker', 'index': 1}
    """

    workers: tuple[str, ...]
    ps: tuple[str, ...] = ()
    chief: str | None = None
    task_type: str = "worker"
    task_index: int = 0

    def __post_init__(self) -> None:
        problems = cluster_fields.address_problems(self.jobs)
        problems += cluster_fields.task_problems(self.jobs, self.task_type, self.task_index)
        if problems:
            raise ClusterError(problems)

    @property
    def jobs(self) -> dict[str, tuple[str, ...]]:
        """Addresses by task type, without the types that have no task."""
        jobs = {"chief": (self.chief,) if self.chief else (), "worker": self.workers}
        return {name: hosts for name, hosts in {**jobs, "ps": self.ps}.items() if hosts}

    @property
    def address(self) -> str:
        """`host:port` of this process."""
        return self.jobs[self.task_type][self.task_index]

    @property
    def name(self) -> str:
        """This process in words, e.g. `worker 1`."""
        return f"{self.task_type} {self.task_index}"

    @property
    def is_chief(self) -> bool:
        """Whether this process is the one that writes."""
        first = "chief" if self.chief else "worker"
        return (self.task_type, self.task_index) == (first, 0)

    @property
    def peers(self) -> dict[str, str]:
        """Address by name of every other task, e.g. `{"worker 0": "a:1"}`."""
        tasks = {
            f"{job} {index}": address
            for job, addresses in self.jobs.items()
            for index, address in enumerate(addresses)
        }
        return {name: address for name, address in tasks.items() if name != self.name}

    def tf_config(self) -> dict[str, Any]:
        """The cluster as the TF_CONFIG environment variable holds it (before JSON)."""
        return {
            "cluster": {job: list(addresses) for job, addresses in self.jobs.items()},
            "task": {"type": self.task_type, "index": self.task_index},
        }


def from_tf_config(text: str) -> Cluster:
    """Reads a cluster from the text of TF_CONFIG.

    Raises:
        ClusterError: Names every field of TF_CONFIG that is wrong.

    Example:
        >>> from_tf_config('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker"}}')
        Traceback (most recent call last):
        tftrain.errors.ClusterError: TF_CONFIG task.index is missing: expected a whole number
    """
    config = cluster_fields.parse_json(text)
    problems = cluster_fields.shape_problems(config)
    if problems:
        raise ClusterError(problems)
    jobs, task = config["cluster"], config["task"]
    return Cluster(
        workers=tuple(jobs.get("worker", ())),
        ps=tuple(jobs.get("ps", ())),
        chief=next(iter(jobs.get("chief", ())), None),
        task_type=task["type"],
        task_index=int(task["index"]),
    )


def detect(environ: Mapping[str, str] | None = None) -> tuple[Cluster, str] | None:
    """The cluster this process was started in and the name of what described it.

    TF_CONFIG wins over Slurm, Slurm over Kubernetes: what is nearer to the user's hand first.

    Args:
        environ: Environment variables; those of this process by default.

    Returns:
        The cluster and `TF_CONFIG`, `Slurm` or `Kubernetes`; None outside any cluster.

    Raises:
        ClusterError: A description is there but cannot be used.
    """
    environ = os.environ if environ is None else environ
    for source, read in _sources().items():
        cluster = read(environ)
        if cluster is not None:
            return cluster, source
    return None


def _sources() -> dict[str, Callable[[Mapping[str, str]], Cluster | None]]:
    from tftrain.distribute import kubernetes, slurm

    return {
        "TF_CONFIG": _read_tf_config,
        "Slurm": slurm.from_environment,
        "Kubernetes": kubernetes.from_environment,
    }


def _read_tf_config(environ: Mapping[str, str]) -> Cluster | None:
    text = environ.get("TF_CONFIG", "").strip()
    # Kubeflow and others set "{}" or an empty cluster for a job of one process.
    if not text or not _names_a_cluster(text):
        return None
    return from_tf_config(text)


def _names_a_cluster(text: str) -> bool:
    config = cluster_fields.parse_json(text)
    return not isinstance(config, dict) or bool(config.get("cluster")) or "task" in config


def assign_roles(
    addresses: list[str], rank: int, environ: Mapping[str, str], minimum: int = 1
) -> Cluster:
    """Makes a cluster of equal processes: all workers, or chief, workers and servers.

    Where `TFTRAIN_SERVERS=M` is set, rank 0 is the chief, the last M ranks are parameter
    servers and those between are workers.

    Args:
        addresses: `host:port` by rank.
        rank: The rank of this process.
        environ: Where `TFTRAIN_SERVERS` is looked up.
        minimum: The least number of workers.

    Raises:
        ClusterError: There are too few processes for the roles asked for.
    """
    servers = cluster_fields.whole_number(environ, SERVERS_VARIABLE, default=0)
    if not servers:
        return Cluster(workers=tuple(addresses), task_index=rank)
    count = len(addresses) - 1 - servers
    if count < minimum:
        raise ClusterError(
            [
                f"{SERVERS_VARIABLE}={servers} with {len(addresses)} processes leaves {count} "
                "workers: expected one chief, at least one worker and the servers; start more "
                "processes or ask for fewer servers"
            ]
        )
    task_type, index = _role(rank, count)
    return Cluster(
        workers=tuple(addresses[1 : 1 + count]),
        ps=tuple(addresses[1 + count :]),
        chief=addresses[0],
        task_type=task_type,
        task_index=index,
    )


def _role(rank: int, workers: int) -> tuple[str, int]:
    if rank == 0:
        return "chief", 0
    return ("worker", rank - 1) if rank <= workers else ("ps", rank - 1 - workers)
