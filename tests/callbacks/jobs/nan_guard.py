"""Skips a batch that is bad on one replica only: `nan_guard.py STRATEGY`."""

import sys

import numpy as np

import tftrain
from tftrain.callbacks import NanGuard
from tftrain.keras_api import keras

ROWS, BATCH = 36, 8  # the last batch is half of one
X = np.random.default_rng(0).normal(size=(ROWS, 3)).astype("float32")
Y = np.random.default_rng(1).integers(0, 3, ROWS)
BAD = X.copy()
BAD[8, 1] = np.nan  # a row of the first replica, in batch 1
BAD[31, 1] = np.nan  # of the last one, in batch 3
GOOD_ROWS = np.r_[0:8, 16:24, 32:36]


def train(strategy, x, y):
    keras.utils.set_random_seed(3)
    layers = keras.layers
    with strategy.scope():
        stack = [layers.Dense(4, "tanh"), layers.BatchNormalization(), layers.Dense(3)]
        model = keras.Sequential([keras.Input((3,)), *stack])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer(), loss, metrics=["accuracy"])
    guard = NanGuard(spike=100.0)
    given = {"batch_size": BATCH, "shuffle": False, "verbose": 0, "engine": "multi_step"}
    history = tftrain.fit(model, x, y, callbacks=[guard], **given)
    values = [
        part.numpy()
        for variable in [*model.variables, *model.optimizer.variables]
        for part in strategy.experimental_local_results(variable.value)
    ]
    return values, history.history, [event.batch for event in guard.events]


def optimizer():
    """With all that has a say between the gradient and the weights."""
    inner = keras.optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=2)
    return tftrain.optim.compress_gradients(inner, "topk:0.5")


if __name__ == "__main__":
    (name,) = sys.argv[1:]
    options = {"devices": 2} if name == "mirrored" else {}
    strategy = tftrain.distribute.strategy(name, **options)
    bad, logs, batches = train(strategy, BAD, Y)
    good, good_logs, _ = train(strategy, X[GOOD_ROWS], Y[GOOD_ROWS])
    pairs = enumerate(zip(bad, good, strict=True))
    differing = [number for number, (one, other) in pairs if not np.array_equal(one, other)]
    print(f"batches {batches}, differing {differing}, logs equal {logs == good_logs}")
