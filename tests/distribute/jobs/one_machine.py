"""Strategies of one machine, in an order that only a fresh process allows; prints JSON."""

import json
import os

import numpy as np

import tftrain
from tftrain.errors import StrategyError
from tftrain.keras_api import keras

seen = {}


def said(action):
    try:
        action()
    except StrategyError as error:
        return str(error)
    return "nothing"


def make_model():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])


strategy = tftrain.distribute.strategy("mirrored", devices=2)
seen["replicas"] = strategy.num_replicas_in_sync
seen["same again"] = strategy is tftrain.distribute.strategy("mirrored", devices=2)
seen["other number"] = said(lambda: tftrain.distribute.strategy("mirrored", devices=3))

outside = make_model()
layer = keras.layers.Dense(1)
layer.build((None, 2))
optimizer = keras.optimizers.SGD()


def compile_outside_model():
    with strategy.scope():
        outside.compile("sgd", "mse")


def compile_outside_layer():
    with strategy.scope():
        keras.Sequential([keras.Input((2,)), layer]).compile("sgd", "mse")


def compile_outside_optimizer():
    with strategy.scope():
        make_model().compile(optimizer, "mse")


def fit_outside():
    outside.compile("sgd", "mse")
    outside.fit(np.zeros((2, 2)), np.zeros((2, 1)), verbose=0)


seen["model"] = said(compile_outside_model)
seen["layer"] = said(compile_outside_layer)
seen["optimizer"] = said(compile_outside_optimizer)
seen["fit"] = said(fit_outside)
with strategy.scope():
    inside = make_model()
    inside.compile("sgd", "mse")
seen["inside"] = said(lambda: inside.get_weights())

tftrain.distribute.strategy("one")
seen["fit on purpose"] = said(fit_outside)
tftrain.distribute.strategy("mirrored", devices=2)
seen["fit again"] = said(fit_outside)

seen["no cluster"] = said(lambda: tftrain.distribute.strategy("multiworker"))
os.environ["TF_CONFIG"] = json.dumps(
    {"cluster": {"worker": ["localhost:1", "localhost:2"]}, "task": {"type": "worker", "index": 0}}
)
seen["too late"] = said(lambda: tftrain.distribute.strategy("auto"))
print(json.dumps(seen))
