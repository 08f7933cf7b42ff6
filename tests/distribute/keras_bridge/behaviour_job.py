"""Observes the repaired Keras: `behaviour_job.py OUT.json mirrored|workers`."""

import json
import sys

import numpy as np

from tftrain.distribute import keras_bridge
from tftrain.keras_api import keras, tf

ROWS = 21


def refusal(function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "none"


def model_of(strategy, **kwargs):
    with strategy.scope():
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.01), "mse", **kwargs)
    return model


def rows_of_epochs(strategy, epochs=3):
    """The rows this process is fed in epochs over shuffled arrays, without any seed."""
    from keras.src.backend.tensorflow.trainer import TFEpochIterator

    x = np.arange(ROWS, dtype="float32")[:, None]
    iterator = TFEpochIterator(distribute_strategy=strategy, x=x, y=x, batch_size=4, shuffle=True)
    seen = []
    for _ in range(epochs):
        rows = []
        for batch in iter(iterator._distributed_dataset):
            for (inputs, _), _ in batch.element:
                rows.extend(int(row) for row in np.ravel(inputs))
        seen.append(rows)
    return seen


def of_strategy(strategy):
    data = np.zeros((8, 1), "float32")
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.FILE
    by_file = tf.data.Dataset.from_tensor_slices((data, data)).batch(4).with_options(options)
    model = model_of(strategy)
    return {
        "rows": rows_of_epochs(strategy),
        "jit": refusal(model_of, strategy, jit_compile=True),
        "auto jit": model.jit_compile,
        "file policy": refusal(model.fit, by_file, verbose=0),
        "normalized": unsynchronized_statistics(strategy),
    }


def unsynchronized_statistics(strategy):
    """The moving means on this process's replicas after training on different rows."""
    with strategy.scope():
        model = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization()])
        model.compile(keras.optimizers.SGD(0.01), "mse")
    x = np.arange(8, dtype="float32")[:, None]
    model.fit(x, x, batch_size=8, shuffle=False, verbose=0)
    moving = strategy.experimental_local_results(model.layers[0].moving_mean.value)
    return [float(value.numpy()[0]) for value in moving]


def mirrored():
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    outside = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    outside.compile("sgd", "mse")
    x = np.zeros((8, 1), "float32")
    with strategy.scope():
        built_outside = refusal(outside.fit, x, x, verbose=0)
    return {**of_strategy(strategy), "outside": built_outside}


def workers():
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    data = np.zeros((8, 1), "float32")
    unseeded = tf.data.Dataset.from_tensor_slices((data, data)).shuffle(8).batch(4)
    refused = refusal(model_of(strategy).fit, unseeded.prefetch(1), verbose=0)
    return {**of_strategy(strategy), "unseeded": refused}


if __name__ == "__main__":
    keras_bridge.install()
    made = keras.Model._make_function
    keras_bridge.install()
    observed = {"mirrored": mirrored, "workers": workers}[sys.argv[2]]()
    observed["installed once"] = keras.Model._make_function is made
    with open(sys.argv[1], "w") as file:
        json.dump(observed, file)
