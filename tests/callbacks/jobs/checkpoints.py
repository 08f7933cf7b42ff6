"""A training cut off and gone on with, under a strategy: `checkpoints.py KIND FOLDER`.

Every process writes what it found to FOLDER/NAME.json.
"""

import contextlib
import json
import os
import sys
from pathlib import Path

import numpy as np

import tftrain
from tests.callbacks.cuts import Cut, CutAfter
from tftrain import optim
from tftrain.callbacks import Checkpoint
from tftrain.keras_api import keras

X = np.random.default_rng(0).normal(size=(50, 6)).astype("float32")
Y = X[:, :1] * 2
kind, folder = sys.argv[1], Path(sys.argv[2])
task = json.loads(os.environ.get("TF_CONFIG", "{}")).get("task", {"type": "worker", "index": 0})
name = f"{task['type']}-{task['index']}"
strategy = tftrain.distribute.strategy(kind, **({"devices": 2} if kind == "mirrored" else {}))


def network(optimizer):
    keras.utils.set_random_seed(3)
    with strategy.scope():
        layers = [keras.layers.Dense(5, "tanh"), keras.layers.Dropout(0.3), keras.layers.Dense(1)]
        model = keras.Sequential([keras.Input((6,)), *layers])
        model.compile(optimizer(), "mse", metrics=["mae"])
    return model


def fit(at, make, cut=None, engine="keras", **options):
    model = make()
    callbacks = [
        keras.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=10.0, factor=0.5),
        Checkpoint(at, every_steps=2),
    ]
    if cut is not None:
        callbacks.append(CutAfter(cut))
    history = tftrain.fit(
        model, X, Y, batch_size=8, epochs=3, seed=5, engine=engine, verbose=0,
        callbacks=callbacks, **options,
    )  # fmt: skip
    return model, history


def values(model):
    return np.concatenate([
        np.ravel(np.asarray(variable, "float64"))
        for variable in (*model.variables, *model.optimizer.variables)
    ])  # fmt: skip


def difference(case, make, cut, **options):
    """How far a training that was cut off ends from one that was not."""
    at = folder / f"{case}-{name}"
    whole, expected = fit(at / "whole", make, **options)
    try:
        fit(at / "cut", make, cut=cut, **options)
        raise AssertionError("it was not cut off")
    except Cut:
        pass
    model, history = fit(at / "cut", make, **options)
    logs = [np.subtract(history.history[k], expected.history[k]) for k in expected.history]
    return {
        "variables": float(np.max(np.abs(values(model) - values(whole)))),
        "history": float(np.max(np.abs(logs))),
        "epochs": history.epoch,
        "files": sorted(path.name for path in (at / "cut").glob("step-*")),
    }


def compressed():
    optimizer = optim.compress_gradients(keras.optimizers.SGD(0.05), "topk:0.3")
    return optimizer


def adam():
    return keras.optimizers.Adam(0.02)


def row_counter():
    """One weight a row, whose gradient is one a use: the weights count the uses of each row."""
    with strategy.scope():
        model = keras.Sequential(
            [keras.Input((50,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")]
        )
        model.compile(
            keras.optimizers.SGD(1.0),
            lambda y, p: keras.ops.sum(p) / keras.ops.cast(keras.ops.shape(p)[0], "float32"),
        )
    return model


def fit_rows(at, *others):
    model, x = row_counter(), np.eye(50, dtype="float32")[:48] * 8
    callbacks = [Checkpoint(at, every_steps=2), *others]
    history = tftrain.fit(
        model, x, Y[:48], batch_size=8, epochs=3, verbose=0, engine="keras", callbacks=callbacks
    )
    return model, history


def uses_of_rows():
    """How often each row was trained on, when the coordinator was cut off in between."""
    with contextlib.suppress(Cut):
        fit_rows(folder / "rows", CutAfter(9))
    model, history = fit_rows(folder / "rows")
    return {
        "uses": np.unique(np.round(-model.get_weights()[0][:48], 4)).tolist(),
        "steps": int(model.optimizer.iterations.numpy()),
        "epochs": history.epoch,
    }


if kind == "ps":
    found = {"rows": uses_of_rows()}
else:
    found = {"codec": difference("codec", lambda: network(compressed), 12, engine="multi_step")}
if kind == "multiworker":
    found["adam"] = difference("adam", lambda: network(adam), 12)
(folder / f"{name}.json").write_text(json.dumps(found))
