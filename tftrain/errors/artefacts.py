"""Errors of what is read, written and served: data, runs, checkpoints, exports."""

from __future__ import annotations

from collections.abc import Iterable

from tftrain.errors.base import BadInput, ConfigError, TftrainError


class DataError(BadInput):
    """A data file is missing, damaged, or does not hold what a dataset must hold."""


class RecordsDamaged(TftrainError):
    """A record set is not what its manifest says.

    Attributes:
        findings: One sentence a fault, each with the name of the shard.
    """

    def __init__(self, findings: Iterable[str]) -> None:
        self.findings = self.problems = tuple(findings)
        super().__init__("; ".join(self.findings))


class RunFolderError(BadInput):
    """A folder is not a run, already exists, or lacks what a command needs of it."""


class NoSpace(TftrainError):
    """The disk is full; the message says what became of what was written so far."""


class CheckpointError(BadInput):
    """A checkpoint cannot be used for this training."""


class CheckpointDamaged(TftrainError):
    """A checkpoint is not what was written."""


class ExportError(BadInput):
    """A model cannot be exported as asked."""


class VerificationFailed(TftrainError):
    """What was exported does not answer as the model does; nothing was published.

    Attributes:
        differences: One sentence a call that answered otherwise.
    """

    def __init__(self, differences: Iterable[str]) -> None:
        self.differences = tuple(differences)
        super().__init__("; ".join(self.differences))


class CompressionError(ConfigError):
    """A model cannot be compressed as asked; nothing was trained."""


class ConversionFailed(TftrainError):
    """The LiteRT converter crashed or gave up, or what it wrote is not the model that it was given.

    Attributes:
        log: What the converter said, in full.
    """

    def __init__(self, message: str, log: str = "") -> None:
        self.log = log
        super().__init__(message)


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
