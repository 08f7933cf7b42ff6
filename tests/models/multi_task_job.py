"""Tasks that must be learned alike by two replicas and by one: `multi_task_job.py OUT.npz`."""

import sys

import numpy as np

import tftrain
from tests import replicas
from tftrain.keras_api import keras

ROWS, BATCH = 20, 8  # the last batch of an epoch is half of one
random = np.random.default_rng(0)
X = random.normal(size=(ROWS, 6)).astype("float32")
LABELS = {
    "kind": random.integers(0, 3, ROWS),
    "size": random.normal(size=(ROWS, 1)).astype("float32"),
}
SPARSE = {"kind": LABELS["kind"].copy(), "size": LABELS["size"].copy()}
SPARSE["kind"][::3], SPARSE["size"][8:17] = -1, np.nan  # the second batch has no size at all
LOSSES = {"kind": "sparse_categorical_crossentropy", "size": "mse"}
IGNORING = {**LOSSES, "kind": keras.losses.SparseCategoricalCrossentropy(ignore_class=0)}


def fit(labels, losses, **compiled):
    keras.utils.set_random_seed(3)
    layers = [keras.Input((6,)), keras.layers.Dense(4, "tanh", name="shared")]
    trunk = keras.Sequential(layers, name="trunk")
    heads = {"kind": 3, "size": keras.layers.Dense(1, name="size")}
    model = tftrain.models.multi_task(trunk, heads, weights="uncertainty")
    optimizer, metrics = keras.optimizers.SGD(0.3), {"kind": ["accuracy"]}
    model.compile(optimizer, losses, weighted_metrics=metrics, **compiled)
    y, sample_weight = tftrain.data.known_labels(labels)
    call = {"batch_size": BATCH, "epochs": 2, "shuffle": False, "verbose": 0}
    return model, model.fit(X, y, sample_weight=sample_weight, **call)


CASES = {
    "labels missing": lambda: fit(SPARSE, LOSSES),
    "a class ignored": lambda: fit(LABELS, IGNORING, run_eagerly=True),
}


def run(kind, scope):
    arrays = {}
    for name, case in CASES.items():
        with scope():
            model, history = case()
        for variable in model.trainable_variables:
            arrays[f"{kind}/{name}/{variable.path}"] = variable.numpy()
        for key, value in history.history.items():
            arrays[f"{kind}/{name}/history/{key}"] = np.asarray(value)
    return arrays


if __name__ == "__main__":
    replicas.save(run, sys.argv[1])
