"""Every error tftrain raises on purpose.

A message says what was received, what was expected and what to do next. `exit_code` is what
the command line returns: 2 where the input was wrong, 1 where the work itself failed.

Example:
    >>> raise UnknownName("model", "mpl", ["cnn", "mlp"])
    Traceback (most recent call last):
    tftrain.errors.UnknownName: unknown model 'mpl'; did you mean 'mlp'? Known: cnn, mlp
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

INTERRUPTED = 130  # what commands and scripts exit with after Ctrl-C


class TftrainError(Exception):
    """The work failed: the base of every error raised on purpose."""

    exit_code = 1


class BadInput(TftrainError, ValueError):
    """What the caller gave cannot be used; nothing was written."""

    exit_code = 2


class UnknownName(BadInput):
    """A name that is not in a registry; lists the known ones and suggests the nearest."""

    def __init__(self, kind: str, received: str, known: Iterable[str], also: str = "") -> None:
        known = sorted(known)
        listed = ", ".join(known) + (f", and {also}" if also else "")
        super().__init__(
            f"unknown {kind} {received!r};{suggestion(received, known)} Known: {listed}"
        )


class ConfigError(BadInput):
    """One or more settings are wrong; all of them are reported at once.

    Attributes:
        problems: One sentence a wrong setting.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class DataError(BadInput):
    """A data file is missing, damaged, or does not hold what a dataset must hold."""


class RunFolderError(BadInput):
    """A folder is not a run, already exists, or lacks what a command needs of it."""


class ExportError(BadInput):
    """A model cannot be exported as asked."""


class BackendError(BadInput):
    """Keras runs, or was told to run, on a backend other than TensorFlow, or is too old."""


class ClusterError(ConfigError):
    """What describes a cluster (TF_CONFIG, Slurm, Kubernetes) is incomplete or contradictory."""


class StrategyError(BadInput):
    """A strategy cannot be made as asked, or data, model or option cannot be used under it."""


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


class RecordsDamaged(TftrainError):
    """A record set is not what its manifest says.

    Attributes:
        findings: One sentence a fault, each with the name of the shard.
    """

    def __init__(self, findings: Iterable[str]) -> None:
        self.findings = self.problems = tuple(findings)
        super().__init__("; ".join(self.findings))


class NoSpace(TftrainError):
    """The disk is full; the message says what became of what was written so far."""


class CallbackError(BadInput):
    """A callback cannot be used with this optimizer or strategy, or would have no effect."""


class CheckpointError(BadInput):
    """A checkpoint cannot be used for this training."""


class CheckpointDamaged(TftrainError):
    """A checkpoint is not what was written."""


class CompressionError(ConfigError):
    """A model cannot be compressed as asked; nothing was trained."""


class EngineError(BadInput):
    """The engine asked for cannot run this `fit`."""


class NotFiniteGradient(TftrainError):
    """A gradient holds NaN or an infinite number.

    Attributes:
        variables: Paths of the variables concerned.
        step: The step of the training, counted from 1, at which it was first seen.
    """

    def __init__(self, variables: Iterable[str], step: int) -> None:
        self.variables, self.step = tuple(variables), step
        others = len(self.variables) - 1
        more = f" and of {others} other variable{'s' * (others > 1)}" if others else ""
        super().__init__(
            f"the gradient of {self.variables[-1]!r}{more} is not finite at step {step}: lower the "
            "learning rate, clip the gradient, or look for a division or logarithm of zero in "
            "the loss"
        )


class NotFiniteWeights(TftrainError):
    """Training has left NaN or infinite weights.

    Attributes:
        layers: Names of the layers concerned.
    """

    def __init__(self, layers: Iterable[str]) -> None:
        self.layers = tuple(layers)
        super().__init__(
            f"the training has diverged: weights of {', '.join(self.layers)} are not finite; lower "
            "the learning rate (learning_rate=), and look for NaN in the data"
        )


class ConversionFailed(TftrainError):
    """The LiteRT converter crashed or gave up, or what it wrote is not the model that it was given.

    Attributes:
        log: What the converter said, in full.
    """

    def __init__(self, message: str, log: str = "") -> None:
        self.log = log
        super().__init__(message)


class BadTrainingStep(TftrainError):
    """A step of the training is bad, and nothing was updated by it.

    Attributes:
        step: The update that it would have been, from 1.
        epoch: From 1.
        batch: Which of the epoch, from 0.
        variable: The first one whose gradient is not finite, or None.
    """

    def __init__(self, event: Any, remedy: str = "") -> None:
        self.step, self.epoch, self.batch = event.step, event.epoch, event.batch
        self.variable: str | None = event.variable
        remedy = remedy or (
            "look at that batch, lower the learning rate or clip the gradient; NanGuard('skip') "
            "would go on without it"
        )
        super().__init__(f"{event}: {remedy}")


class TooManyBadSteps(BadTrainingStep):
    """A training goes on having bad steps; the last one is told."""

    def __init__(self, event: Any, at_most: int, what: str) -> None:
        super().__init__(
            event,
            f"that is one more than the {at_most} {what} allowed (at_most): look for NaN in the "
            "data, lower the learning rate or clip the gradient",
        )


class Preempted(TftrainError):
    """A signal told the process to end soon; what was learned until then is saved.

    Attributes:
        signal: Name of the signal.
        step: The newest step that is saved.
        directory: Where.
        exit_code: 128 and the signal's number, as of a process that the signal has ended.
    """

    def __init__(
        self, name: str, number: int, step: int, directory: str, how: str = "the same command"
    ) -> None:
        self.signal, self.step, self.directory = name, step, directory
        self.exit_code = 128 + number
        super().__init__(
            f"preempted by {name}; {directory} holds everything up to step {step}; go on with: "
            f"{how}"
        )


def suggestion(received: str, known: Iterable[str]) -> str:
    """A phrase that offers the nearest known name, or nothing."""
    nearest = difflib.get_close_matches(str(received), list(known), n=1)
    return f" did you mean {nearest[0]!r}?" if nearest else ""


class VerificationFailed(TftrainError):
    """What was exported does not answer as the model does; nothing was published.

    Attributes:
        differences: One sentence a call that answered otherwise.
    """

    def __init__(self, differences: Iterable[str]) -> None:
        self.differences = tuple(differences)
        super().__init__("; ".join(self.differences))


class ServingError(TftrainError):
    """A request that the server refuses, in the words and with the code of TF Serving.

    Attributes:
        code: The gRPC status, by name: "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION",
            "UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL".
        message: What both protocols say.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}")
