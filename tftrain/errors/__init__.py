"""Every error tftrain raises on purpose.

A message says what was received, what was expected and what to do next. `exit_code` is what
the command line returns: 2 where the input was wrong, 1 where the work itself failed.

Example:
    >>> raise UnknownName("model", "mpl", ["cnn", "mlp"])
    Traceback (most recent call last):
    tftrain.errors.UnknownName: unknown model 'mpl'; did you mean 'mlp'? Known: cnn, mlp
"""

from tftrain.errors.artefacts import (
    CheckpointDamaged,
    CheckpointError,
    CompressionError,
    ConversionFailed,
    DataError,
    ExportError,
    NoSpace,
    RecordsDamaged,
    RunFolderError,
    ServingError,
    VerificationFailed,
)
from tftrain.errors.base import (
    INTERRUPTED,
    BadInput,
    ConfigError,
    TftrainError,
    UnknownName,
    suggestion,
)
from tftrain.errors.jobs import (
    AllocationError,
    BackendError,
    ClusterError,
    CoordinatorMissing,
    LaunchError,
    PeerLost,
    PeerUnreachable,
    PlanError,
    PreflightError,
    ServerLost,
    StrategyError,
    SweepError,
    WorkersLost,
)
from tftrain.errors.trainings import (
    BadTrainingStep,
    CallbackError,
    EngineError,
    EvaluationError,
    FineTuningError,
    NotFiniteGradient,
    NotFiniteWeights,
    Preempted,
    StartupFailed,
    TooManyBadSteps,
    TrainingFailed,
)

__all__ = [
    "INTERRUPTED",
    "AllocationError",
    "BackendError",
    "BadInput",
    "BadTrainingStep",
    "CallbackError",
    "CheckpointDamaged",
    "CheckpointError",
    "ClusterError",
    "CompressionError",
    "ConfigError",
    "ConversionFailed",
    "CoordinatorMissing",
    "DataError",
    "EngineError",
    "EvaluationError",
    "ExportError",
    "FineTuningError",
    "LaunchError",
    "NoSpace",
    "NotFiniteGradient",
    "NotFiniteWeights",
    "PeerLost",
    "PeerUnreachable",
    "PlanError",
    "Preempted",
    "PreflightError",
    "RecordsDamaged",
    "RunFolderError",
    "ServerLost",
    "ServingError",
    "StartupFailed",
    "StrategyError",
    "SweepError",
    "TftrainError",
    "TooManyBadSteps",
    "TrainingFailed",
    "UnknownName",
    "VerificationFailed",
    "WorkersLost",
    "suggestion",
]

for _each in tuple(vars().values()):
    if isinstance(_each, type):
        _each.__module__ = __name__  # tracebacks name what can be imported
