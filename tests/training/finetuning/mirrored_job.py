"""Fine-tunes, and compares views, on two replicas: `mirrored_job.py OUT.npz`."""

import sys

import numpy as np

import tftrain
from tests.training.finetuning.conftest import network
from tests.training.finetuning.test_mirrored import ENCODED, VIEWS, encoder, tuned
from tftrain.keras_api import keras
from tftrain.training import pretraining

strategy = tftrain.distribute.strategy("mirrored", devices=2)
keras.utils.set_random_seed(0)
result = tuned(network(), strategy=strategy)
replicas = result.model.distribute_strategy.num_replicas_in_sync
with strategy.scope():
    model = pretraining.contrastive(encoder(), dimensions=4, hidden=4)
    model.compile("sgd", pretraining.nt_xent())
loss = model.evaluate(VIEWS, np.zeros(ENCODED), batch_size=ENCODED, verbose=0)
arrays = {f"weights/{number}": each for number, each in enumerate(result.model.get_weights())}
arrays |= {f"state/{n}": v.numpy() for n, v in enumerate(result.model.optimizer.variables)}
projected = model.predict(VIEWS, verbose=0)
np.savez(sys.argv[1], replicas=replicas, loss=loss, projected=projected, **arrays)
