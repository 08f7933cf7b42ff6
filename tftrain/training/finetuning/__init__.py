"""Training that goes on from a trained model: weights, heads, frozen layers, rates by layer."""

from tftrain.training.finetuning.labels import few_labels
from tftrain.training.finetuning.preparation import Prepared, Settings, prepare
from tftrain.training.finetuning.rates import decayed_rates
from tftrain.training.finetuning.stages import Stage
from tftrain.training.finetuning.transfer import Carried, Transfer, transfer_weights
from tftrain.training.finetuning.tuning import FineTuned, finetune

__all__ = [
    "Carried",
    "FineTuned",
    "Prepared",
    "Settings",
    "Stage",
    "Transfer",
    "decayed_rates",
    "few_labels",
    "finetune",
    "prepare",
    "transfer_weights",
]
