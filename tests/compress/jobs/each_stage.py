"""Compresses a model under a strategy; writes the weights and metrics of each stage.

    python each_stage.py FOLDER one|mirrored|multiworker

Each process writes FOLDER/STRATEGY-N.npz; N is its number. On one device, which is there to be
compared with, the model is pruned only.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

import tftrain
from tftrain import compress
from tftrain.keras_api import keras, tf

folder, name = Path(sys.argv[1]), sys.argv[2]
strategy = tftrain.distribute.strategy(name, **({"devices": 2} if name == "mirrored" else {}))
index = json.loads(os.environ["TF_CONFIG"])["task"]["index"] if name == "multiworker" else 0

x = np.random.default_rng(0).normal(size=(1024, 8)).astype("float32")
y = (x[:, 0] > x[:, 1]).astype(int)
train = tf.data.Dataset.from_tensor_slices((x, y)).batch(32)
data = {"epochs": 2, "verbose": 0}

keras.utils.set_random_seed(0)
with strategy.scope():
    model = tftrain.models.mlp((8,), hidden=(32,), classes=2, dropout=0.0)
    model.compile(
        keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
random = np.random.default_rng(1)
model.set_weights([random.normal(0, 0.3, w.shape) for w in model.get_weights()])

seen = {}


def see(stage, compressed):
    for number, weight in enumerate(compressed.get_weights()):
        seen[f"{stage}-{number}"] = weight
    seen[f"{stage}-accuracy"] = compressed.history.history["accuracy"][-1]


pruned = compress.prune(model, train, 0.5, **data)
see("pruned", pruned)
if name != "one":
    clustered = compress.cluster(pruned, train, 8, **data)
    see("clustered", clustered)
    quantized = compress.quantize_aware(clustered, train, **data)
    see("quantized", quantized.model)
    seen["lite-accuracy"] = np.mean(quantized.lite.predict(x).argmax(-1) == y)
seen["replicas"] = strategy.num_replicas_in_sync
np.savez(folder / f"{name}-{index}.npz", **seen)
