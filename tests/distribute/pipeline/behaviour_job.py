"""What goes with a training in stages, and what is refused; prints JSON. Its argument: a folder."""

import contextlib
import json
import sys
from pathlib import Path

import keras
import numpy as np

import tftrain
from tftrain.callbacks import Checkpoint, GradientClipping, NanGuard
from tftrain.errors import StrategyError

OUT = Path(sys.argv[1])
layers = keras.layers
random = np.random.default_rng(0)
x = random.normal(size=(70, 20)).astype("float32")
y = random.integers(0, 5, 70)
with_nan = np.where(np.arange(70)[:, None] == 33, np.nan, x)
seen = {}


def in_stages(**options):
    return tftrain.distribute.strategy("pipeline", **{"micro_batches": 2, **options})


def on_one():
    tftrain.distribute.strategy("one")
    return contextlib.nullcontext()


def model(scope):
    keras.utils.set_random_seed(3)
    with scope:
        made = keras.Sequential(
            [
                keras.Input((20,)),
                layers.Dense(32, "relu"),
                layers.Dropout(0.3),
                layers.Dense(5, "softmax"),
            ]
        )
        made.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return made


def difference(one, other):
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def places(variables):
    return sorted({v.value.device[-5:] for v in variables if v.shape.rank})


def watched(scope, epochs, folder):
    made = model(scope)
    callbacks = [NanGuard("skip"), GradientClipping("global_norm", 0.05)]
    callbacks.append(Checkpoint(OUT / folder, every_steps=1))
    made.fit(with_nan, y, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks)
    return made


seen["placement before"] = str(in_stages().placement(model(in_stages().scope())))
with in_stages().scope():
    bare = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.Dense(4)])
seen["uncompiled"] = [stage.weight_bytes for stage in in_stages().placement(bare).stages]
whole = watched(on_one(), 3, "one")
begun = watched(in_stages().scope(), 2, "staged")
seen["bad step left out"] = int(begun.optimizer.iterations.numpy())
seen["resumed on one device"] = difference(whole, watched(on_one(), 3, "staged"))
seen["slots"] = [places(begun.layers[i].weights) for i in (0, 2)]
seen["slots of optimizer"] = [v.value.device[-5:] for v in begun.optimizer.variables[2:]]
placement = in_stages().placement(begun)
seen["bytes"] = [[stage.weight_bytes, stage.slot_bytes] for stage in placement.stages]

begun.save(OUT / "model.keras")
with in_stages().scope():
    loaded = keras.saving.load_model(OUT / "model.keras")
seen["loaded"] = [difference(begun, loaded), places(loaded.layers[2].weights)]
tftrain.export.saved_model(loaded, OUT / "export")
seen["exported"] = (OUT / "export" / "1" / "saved_model.pb").exists()

fitted = model(in_stages().scope())
tftrain.fit(fitted, x, y, epochs=2, seed=1, verbose=0)
by_keras = model(on_one())
tftrain.fit(by_keras, x, y, epochs=2, seed=1, verbose=0, engine="keras")
seen["tftrain.fit"] = difference(fitted, by_keras)


def grown(scope):
    made = model(scope())
    made.fit(x, y, shuffle=False, verbose=0)
    with scope():
        made.add(layers.Dense(5, "softmax"))
        made.compile("adam", "sparse_categorical_crossentropy")
    made.fit(x, y, shuffle=False, verbose=0)
    return made


staged = grown(in_stages().scope)
seen["grown"] = [difference(staged, grown(on_one)), places(staged.layers[-1].weights)]

strategy = in_stages()
before = [np.array(v) for v in fitted.variables]
schedule = strategy.schedule(fitted, x, y, repeats=3)
schedule.plot(OUT / "schedule.png")
seen["changed by measuring"] = max(
    float(np.abs(a - np.array(b)).max()) for a, b in zip(before, fitted.variables, strict=True)
)
seen["passes"] = sorted(map(str, {tuple(each.work) for each in schedule.passes}))
seen["bubbles"] = [schedule.bubble, schedule.ideal_bubble]
seen["picture"] = (OUT / "schedule.png").read_bytes()[1:4].decode()


def dense(*names):
    parts = [layers.Dense(4, name=name) for name in names]
    return lambda: keras.Sequential([keras.Input((4,)), *parts])


def among(*others):
    return lambda: keras.Sequential(
        [keras.Input((4,)), layers.Dense(4), *(make() for make in others), layers.Dense(4)]
    )


class Subclassed(keras.Model):
    pass


class Stepping(keras.Model):
    def train_step(self, data):
        return {}


class Adding(layers.Layer):
    def call(self, given):
        self.add_loss(keras.ops.sum(given))
        return given


def with_own_step():
    given = keras.Input((4,))
    return Stepping(given, layers.Dense(4)(layers.Dense(4)(given)))


def shared():
    given, twice = keras.Input((4,)), layers.Dense(4, name="twice")
    return keras.Model(given, twice(layers.Dense(4, name="between")(twice(given))))


def stateful():
    parts = [layers.LSTM(4, stateful=True), layers.Dense(4)]
    return keras.Sequential([keras.Input((4, 1), batch_size=32), *parts])


def said(make, options=None, compiled=None, rows=32):
    try:
        with in_stages(**{"stages": 2, **(options or {})}).scope():
            made = make()
            made.compile("sgd", "mse", **(compiled or {}))
        made.fit(np.zeros((64, 4)), np.zeros((64, 4)), batch_size=rows, verbose=0)
    except StrategyError as error:
        return str(error)
    return "nothing"


seen["said"] = {
    "more stages than devices": said(dense("a", "b", "c"), {"stages": 3}),
    "more stages than layers": said(dense("alone")),
    "unknown layer": said(dense("first", "second"), {"stages": None, "cut": ["secnd"]}),
    "first layer": said(dense("first", "second"), {"stages": None, "cut": ["first"]}),
    "torn layer": said(shared, {"stages": None, "cut": ["between"]}),
    "shared layer": said(shared),
    "batch normalization": said(among(layers.BatchNormalization)),
    "whole batches": said(among(layers.BatchNormalization), {"micro_batches": 1}),
    "activity": said(among(lambda: layers.Activation("relu", activity_regularizer="l2"))),
    "added loss": said(among(Adding)),
    "state": said(stateful),
    "small batch": said(dense("a", "b"), {"micro_batches": 4}, rows=3),
    "xla": said(dense("a", "b"), compiled={"jit_compile": True}),
    "no shapes": said(lambda: keras.Sequential([layers.Dense(4), layers.Dense(4)])),
    "subclassed": said(Subclassed),
    "own step": said(with_own_step),
}
print(json.dumps(seen))
