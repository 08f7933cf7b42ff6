"""What tells the data of an experiment from others, in whatever form `fit` is given them."""

from __future__ import annotations

import hashlib

from tftrain.data import Examples
from tftrain.data.records import RecordSplit
from tftrain.keras_api import keras
from tftrain.training.config import TrainConfig
from tftrain.training.seeded_arrays import described


class DataIdentity(keras.callbacks.Callback):
    """Tells checkpoints which data these are.

    Arrays and the pipeline give the same batches in the same order, so that a run may go on with
    another number of devices or workers, where the other form is used.

    Args:
        config: Settings of the experiment.
        train: What to train on. Of arrays some rows are looked at, of a record set the manifest.
    """

    needs_every_batch = False

    def __init__(self, config: TrainConfig, train: Examples | RecordSplit) -> None:
        super().__init__()
        augmented = f", augmented by {config.augment}" if config.augment else ""
        self._identity = {
            "data": f"{len(train)} examples of {config.dataset}{augmented}",
            "batch size": str(config.batch_size),
            "order of the data": f"shuffled by seed {config.seed}",
            "contents of the data": _contents(train),
        }

    def checkpoint_identity(self) -> dict[str, str]:
        """Topics that `fit` tells of otherwise, and then by the form that it is given."""
        return self._identity


def _contents(train: Examples | RecordSplit) -> str:
    if isinstance(train, Examples):
        return f"{described(train.x)}, {described(train.y)}"
    digests = "".join(shard.sha256 for shard in train.shards)
    return f"{len(train.shards)} shards of digest {hashlib.sha256(digests.encode()).hexdigest()}"
