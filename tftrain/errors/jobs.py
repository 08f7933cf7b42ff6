"""Errors of what a training runs on: backend, strategy, cluster, processes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tftrain.errors.base import BadInput, ConfigError, TftrainError


class BackendError(BadInput):
    """Keras runs, or was told to run, on a backend other than TensorFlow, or is too old."""


class ClusterError(ConfigError):
    """What describes a cluster (TF_CONFIG, Slurm, Kubernetes) is incomplete or contradictory."""


class StrategyError(BadInput):
    """A strategy cannot be made as asked, or data, model or option cannot be used under it."""


class PlanError(ConfigError):
    """No way of training as described fits into what there is, or the description is wrong."""


class AllocationError(ConfigError):
    """Cores, threads or memory cannot be given to processes as asked."""


class SweepError(ConfigError):
    """A sweep cannot be run as asked: nothing to vary, unknown settings, no room for a trial."""


class PeerUnreachable(TftrainError):
    """A worker of the cluster did not answer within the time limit.

    Attributes:
        missing: The tasks that did not answer, as `worker 1 at host:port`.
    """

    def __init__(self, missing: Iterable[str], seconds: float) -> None:
        self.missing = tuple(missing)
        super().__init__(
            f"no answer within {seconds:g} s from {', '.join(self.missing)}: check that the task "
            "is running, that its address is right and that no firewall closes the port"
        )


class PeerLost(TftrainError):
    """A worker that had taken part stopped answering in mid-training.

    Attributes:
        lost: `host:port` of the lost workers by name.
    """

    def __init__(self, lost: Mapping[str, str], here: str) -> None:
        self.lost = dict(lost)
        names = ", ".join(f"{name} at {address}" for name, address in lost.items())
        super().__init__(
            f"{here} lost {names}: it died or its network failed, see its log; start the job "
            "again, it goes on from its last checkpoint if it writes any (callbacks.Checkpoint)"
        )


class PreflightError(TftrainError):
    """The workers of a job do not agree, or one of them has nothing to train on."""


class LaunchError(BadInput):
    """A command cannot be launched as asked."""


class ServerLost(TftrainError):
    """A parameter server is gone, and the variables it held with it.

    Attributes:
        tasks: The lost tasks, such as `("/job:ps/task:0 (10.0.0.7:2222)",)`.
    """

    def __init__(self, tasks: Iterable[str]) -> None:
        self.tasks = tuple(tasks)
        super().__init__(
            f"lost parameter server {', '.join(self.tasks)}: the variables it held are gone and "
            "training cannot go on. Start the whole job again; with tftrain.callbacks.Checkpoint "
            "it goes on from the last checkpoint instead of the beginning"
        )


class WorkersLost(TftrainError):
    """No worker has been reachable for a whole time limit, so no step can run."""

    def __init__(self, tasks: Iterable[str], seconds: float) -> None:
        self.tasks = tuple(tasks)
        super().__init__(
            f"no worker could be reached for {seconds:.0f} s ({', '.join(self.tasks)}); expected "
            "at least one. Restart a worker at its address, or start the whole job again from its "
            "last checkpoint"
        )


class CoordinatorMissing(TftrainError):
    """A server or worker was started, but its job's coordinator never appeared."""

    def __init__(self, task: str, address: str, seconds: float) -> None:
        super().__init__(
            f"{task} waited {seconds:.0f} s for the coordinator at {address}, and nothing answered "
            "there. Start the same script as task 'chief' at that address, or correct it in "
            "TF_CONFIG"
        )
