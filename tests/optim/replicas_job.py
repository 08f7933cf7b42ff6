"""What must come out the same on two replicas as on one: `replicas_job.py OUT.npz`."""

import sys

import numpy as np

from tests import replicas
from tftrain import callbacks, optim
from tftrain.keras_api import keras

ROWS, BATCH = 20, 8  # the last batch of an epoch is half of one
X = np.random.default_rng(0).normal(size=(ROWS, 6)).astype("float32")
Y = np.random.default_rng(1).integers(0, 3, size=ROWS)


def network(embedding=False):
    first = [keras.Input((6,))]
    if embedding:
        first += [keras.layers.Embedding(5, 3), keras.layers.Flatten()]
    dense = [keras.layers.Dense(4, "tanh", name="hidden"), keras.layers.Dense(3, name="out")]
    return keras.Sequential([*first, *dense], name="network")


def fit(optimizer, *added, model=None, eager=False, epochs=2, x=X):
    model = model or network()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, run_eagerly=eager)
    history = model.fit(
        x, Y, batch_size=BATCH, epochs=epochs, shuffle=False, verbose=0, callbacks=list(added)
    ).history
    return model.get_weights(), history


def optimizer_case(name):
    rate = 0.5 if name in ("lars", "ftrl", "adadelta") else 0.05
    # three eager steps take less time than tracing them
    return lambda: fit(optim.optimizer(name, rate, weight_decay=0.01), eager=True, epochs=1)


def clipped(by, limit, **options):
    optimizer = optim.optimizer("sgd", 0.5, momentum=0.9, **options)
    return fit(optimizer, callbacks.GradientClipping(by, limit))


def clipped_embedding():
    clipping = callbacks.GradientClipping("global_norm", 0.05)
    tokens = np.abs(X * 2).astype(int) % 5
    return fit(optim.optimizer("sgd", 0.5), clipping, model=network(embedding=True), x=tokens)


def measured():
    statistics = callbacks.GradientStatistics(per_variable=True)
    return fit(optim.optimizer("adam", 0.05), statistics)


def under_float16():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        return clipped("global_norm", 0.05)
    finally:
        keras.config.set_dtype_policy("float32")


CASES = {
    **{name: optimizer_case(name) for name in optim.names()},
    "clipped by value": lambda: clipped("value", 0.01),
    "clipped by norm": lambda: clipped("norm", 0.05),
    "clipped by global norm": lambda: clipped("global_norm", 0.05),
    "clipped adaptively": lambda: clipped("adaptive", 0.02),
    "clipped and accumulated": lambda: clipped("global_norm", 0.05, accumulate=2, ema=0.9),
    "clipped under float16": under_float16,
    "clipped with an embedding": clipped_embedding,
    "measured": measured,
    "constrained": lambda: fit(
        optim.optimizer("sgd", 0.5), callbacks.WeightClipping(value=(-0.3, 0.3))
    ),
    "penalized": lambda: fit(
        optim.optimizer("sgd", 0.5), model=optim.regularize(network(), l1=0.01, l2=0.1)
    ),
    "decayed by a callback": lambda: fit(
        optim.optimizer("sgd", 0.5),
        callbacks.LearningRateDecay(optim.schedule("cosine", 0.5, total_steps=6, warmup=2)),
    ),
    "decayed by a schedule": lambda: fit(
        optim.optimizer("sgd", optim.schedule("cosine", 0.5, total_steps=6, warmup=2))
    ),
    "averaged": lambda: fit(optim.optimizer("sgd", 0.5), callbacks.WeightAveraging(start=1)),
}


def run(kind, scope):
    arrays = {}
    for name, case in CASES.items():
        keras.utils.set_random_seed(3)
        with scope():
            weights, history = case()
        for position, value in enumerate(weights):
            arrays[f"{kind}/{name}/weights/{position}"] = value
        for key, value in history.items():
            arrays[f"{kind}/{name}/history/{key}"] = np.asarray(value)
    return arrays


if __name__ == "__main__":
    replicas.save(run, sys.argv[1])
