"""Settings, run folders, and the run of one experiment."""

from tftrain.training import environment, optimization
from tftrain.training.config import RECORDED, TrainConfig, read_file, resolve
from tftrain.training.experiment import Experiment, make_strategy, prepare, run, with_engine
from tftrain.training.run_folder import RunFolder

__all__ = [
    "RECORDED",
    "Experiment",
    "RunFolder",
    "TrainConfig",
    "environment",
    "make_strategy",
    "optimization",
    "prepare",
    "read_file",
    "resolve",
    "run",
    "with_engine",
]
