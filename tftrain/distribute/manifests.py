"""Kubernetes manifests that run a command as a cluster, printed for `kubectl apply -f -`.

- `tfjob`: Kubeflow Training Operator v1; the operator sets TF_CONFIG.
- `trainer`: Kubeflow Trainer v2; it has no TensorFlow runtime, so the manifest brings one, in
  which the pods find one another by their index.
- `job`: plain Kubernetes, an indexed Job and its headless service; the same pod index.

References: https://www.kubeflow.org/docs/components/trainer/legacy-v1/user-guides/tensorflow/,
https://www.kubeflow.org/docs/components/trainer/operator-guides/runtime/,
https://kubernetes.io/docs/concepts/workloads/controllers/job/
"""

from __future__ import annotations

import dataclasses
import re
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import yaml

from tftrain.distribute import clusters, kubernetes, restarts
from tftrain.distribute.allocation import Share
from tftrain.distribute.signals import PREEMPTED
from tftrain.errors import ConfigError, UnknownName

PORT = kubernetes.DEFAULT_PORT
_ENDING = {"terminationGracePeriodSeconds": 60}  # from SIGTERM to SIGKILL: a save may need it
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,48}[a-z0-9])?")


@dataclasses.dataclass(frozen=True)
class Job:
    """What a manifest runs.

    Attributes:
        command: The program and its arguments, run in every pod.
        image: The container image; tftrain must be installed in it.
        workers: The number of workers.
        ps: The number of parameter servers; with any there is a chief too.
        name: The job's name; pods' and services' names begin with it.
        max_restarts: How many times a failed job, or pod, is started again.
        cores: What each container requests, and may not exceed; None for nothing said.
        memory_bytes: Likewise.
        identity: What tells it from other jobs of this name. A pod that is started again goes on
            with what the job has begun, and so does the same manifest applied again.
    """

    command: Sequence[str]
    image: str
    workers: int
    ps: int = 0
    name: str = "tftrain"
    max_restarts: int = 3
    cores: int | None = None
    memory_bytes: int | None = None
    identity: str = dataclasses.field(default_factory=lambda: uuid.uuid4().hex[:8])

    @property
    def pods(self) -> int:
        """The number of processes."""
        return self.workers + self.ps + bool(self.ps)


def manifest(kind: str, job: Job) -> str:
    """The YAML of a job.

    Args:
        kind: `tfjob`, `trainer` or `job`.
        job: What to run.

    Raises:
        UnknownName: There is no such kind.
        ConfigError: Names every field of the job that cannot be used.

    Example:
        >>> text = manifest("tfjob", Job(["python", "train.py"], "team/train:1", workers=2))
        >>> yaml.safe_load(text)["spec"]["tfReplicaSpecs"]["Worker"]["replicas"]
        2
    """
    if kind not in _KINDS:
        raise UnknownName("manifest", kind, _KINDS)
    _check(job)
    return yaml.safe_dump_all(_KINDS[kind](job), sort_keys=False)


def _check(job: Job) -> None:
    problems = []
    if not job.command:
        problems.append("no command: expected one after --, e.g. -- python script.py")
    if not job.image:
        problems.append("no image: expected e.g. --image=registry/team/train:1")
    if job.workers < 1 or job.ps < 0:
        problems.append(f"workers={job.workers}, ps={job.ps}: expected at least one worker")
    if not _NAME.fullmatch(job.name):
        problems.append(
            f"name={job.name!r}: expected at most 50 of a-z, 0-9 and '-', a letter first"
        )
    if job.max_restarts < 0:
        problems.append(f"max_restarts={job.max_restarts}: expected 0 or more")
    if problems:
        raise ConfigError(problems)


def _tfjob(job: Job) -> list[dict[str, Any]]:
    counts = {"Chief": bool(job.ps) * 1, "Worker": job.workers, "PS": job.ps}
    # The operator looks for a container and a port of exactly these names.
    container = _container(job, "tensorflow", "tfjob-port", {})
    replicas = {
        role: {
            "replicas": count,
            # Statuses of 128 and over (killed, evicted) are tried again, errors of the script not.
            "restartPolicy": "ExitCode",
            "template": {"spec": {**_ENDING, "containers": [container]}},
        }
        for role, count in counts.items()
        if count
    }
    return [
        {
            "apiVersion": "kubeflow.org/v1",
            "kind": "TFJob",
            "metadata": {"name": job.name},
            "spec": {
                "runPolicy": {"backoffLimit": job.max_restarts},
                "tfReplicaSpecs": replicas,
            },
        }
    ]


def _job(job: Job) -> list[dict[str, Any]]:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": job.name},
        "spec": {
            "clusterIP": "None",
            "selector": {"job-name": job.name},
            # A pod's address is needed before it is ready: all wait for one another.
            "publishNotReadyAddresses": True,
            "ports": [{"name": "train", "port": PORT}],
        },
    }
    container = _container(job, "train", "train", _index_variables(job, job.name, job.name))
    pod = {"subdomain": job.name, "restartPolicy": "Never", **_ENDING, "containers": [container]}
    batch = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": job.name},
        "spec": {**_indexed(job), "template": {"spec": pod}},
    }
    return [service, batch]


def _trainer(job: Job) -> list[dict[str, Any]]:
    # JobSet names pods NAME-node-0-INDEX and their headless service NAME.
    container = _container(
        job, "node", "train", _index_variables(job, f"{job.name}-node-0", job.name)
    )
    labels = {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}
    node = {
        "name": "node",
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "template": {
                    "spec": {"restartPolicy": "Never", **_ENDING, "containers": [container]}
                },
            },
        },
    }
    runtime = {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainingRuntime",
        "metadata": {
            "name": f"{job.name}-runtime",
            "labels": {"trainer.kubeflow.org/framework": "tensorflow"},
        },
        "spec": {
            "mlPolicy": {"numNodes": job.pods},
            "template": {
                "spec": {
                    "failurePolicy": {"maxRestarts": job.max_restarts},
                    "replicatedJobs": [node],
                }
            },
        },
    }
    train = {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": job.name},
        "spec": {
            "runtimeRef": {
                "apiGroup": "trainer.kubeflow.org",
                "kind": "TrainingRuntime",
                "name": f"{job.name}-runtime",
            },
            "trainer": {"numNodes": job.pods},
        },
    }
    return [runtime, train]


def _indexed(job: Job) -> dict[str, Any]:
    return {
        "completionMode": "Indexed",
        "completions": job.pods,
        "parallelism": job.pods,
        # One lost pod ends the others by their time limits; each comes back under its index.
        "backoffLimit": job.max_restarts * job.pods,
        # Pods that saved and stopped when told to, and those that were told, are no failures.
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "Ignore",
                    "onExitCodes": {"operator": "In", "values": sorted(PREEMPTED)},
                },
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
            ]
        },
    }


def _index_variables(job: Job, prefix: str, service: str) -> dict[str, str]:
    variables = {
        kubernetes.JOB_VARIABLE: prefix,
        kubernetes.SERVICE_VARIABLE: service,
        kubernetes.REPLICAS_VARIABLE: str(job.pods),
        kubernetes.PORT_VARIABLE: str(PORT),
    }
    return {**variables, clusters.SERVERS_VARIABLE: str(job.ps)} if job.ps else variables


def _container(job: Job, name: str, port: str, variables: dict[str, str]) -> dict[str, Any]:
    # Images are pulled at different speeds: the first pod waits longer than on one machine.
    environment = {
        "TFTRAIN_START_TIMEOUT": "600",
        restarts.JOB_VARIABLE: f"{job.name}-{job.identity}",
        # TensorFlow counts the node's cores, of which the container may use a few.
        **Share(cores=(), threads=job.cores).environment(),
        **variables,
    }
    return {
        "name": name,
        "image": job.image,
        "command": list(job.command),
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "ports": [{"name": port, "containerPort": PORT}],
        **_resources(job),
    }


def _resources(job: Job) -> dict[str, Any]:
    """Equal requests and limits: whole cores may then be a container's own."""
    asked = {"cpu": job.cores, "memory": job.memory_bytes}
    each = {name: str(amount) for name, amount in asked.items() if amount is not None}
    return {"resources": {"requests": each, "limits": dict(each)}} if each else {}


_KINDS: dict[str, Callable[[Job], list[dict[str, Any]]]] = {
    "job": _job,
    "tfjob": _tfjob,
    "trainer": _trainer,
}
