"""The strategy that the planner chooses, in a process where TensorFlow has not run; prints JSON."""

import json

import tftrain
from tftrain import errors
from tftrain.distribute import automatic, profiling_process, runtime
from tftrain.keras_api import keras

seen = {}


def build():
    model = keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(1024, activation="relu"),
            keras.layers.Dense(1024, activation="relu"),
            keras.layers.Dense(10),
        ]
    )
    model.compile("adam", "mse")
    return model


def recurrent():
    """What neither a mesh runs, nor a pipeline in micro-batches."""
    model = keras.Sequential(
        [
            keras.Input((4, 512)),
            keras.layers.LSTM(512),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(2048),
            keras.layers.Dense(512),
        ]
    )
    model.compile("adam", "mse")
    return model


def said(action):
    try:
        action()
    except errors.BadInput as error:
        return str(error)
    return "nothing"


def ends():
    import os

    os._exit(7)


runtime.load()
seen["fails"] = said(lambda: profiling_process.profile(lambda: 1 / 0))
seen["ends"] = said(lambda: profiling_process.profile(ends))
choice = automatic.choose(build, batch_size=64, memory_per_device="30MiB", devices=4)
seen["choice"] = [choice.name, choice.options]
choice = automatic.choose(recurrent, batch_size=64, memory_per_device="50MiB", devices=2)
seen["recurrent"] = [choice.name, choice.options, choice.why]
seen["runs"] = runtime.is_running()
asked = {"memory_per_device": "1GiB", "model": build, "batch_size": 64, "devices": 2}
strategy = tftrain.distribute.strategy("auto", **asked)
seen["replicas"] = strategy.num_replicas_in_sync
seen["again"] = tftrain.distribute.strategy("auto", **asked) is strategy
print(json.dumps(seen))
