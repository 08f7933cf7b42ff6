"""Settings, run folders, the run of one experiment, and training that goes on from a model."""

from tftrain.training import environment, finetuning, optimization, pretraining
from tftrain.training.config import (
    FINETUNED,
    RECORDED,
    TrainConfig,
    read_file,
    resolve,
    strategy_options,
)
from tftrain.training.experiment import (
    Experiment,
    make_strategy,
    prepare,
    run,
    seed_everything,
    with_engine,
)
from tftrain.training.finetuning import decayed_rates, few_labels, finetune, transfer_weights
from tftrain.training.run_folder import RunFolder

__all__ = [
    "FINETUNED",
    "RECORDED",
    "Experiment",
    "RunFolder",
    "TrainConfig",
    "decayed_rates",
    "environment",
    "few_labels",
    "finetune",
    "finetuning",
    "make_strategy",
    "optimization",
    "prepare",
    "pretraining",
    "read_file",
    "resolve",
    "run",
    "seed_everything",
    "strategy_options",
    "transfer_weights",
    "with_engine",
]
