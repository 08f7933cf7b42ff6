"""Shows what Keras does under a strategy without the repairs: `canary_job.py OUT.json KIND`.

Every entry is True as long as Keras has the defect.
"""

import json
import math
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tftrain.keras_api import keras, tf

X = np.random.default_rng(0).normal(size=(10, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(10, 1)).astype("float32")


def model_of(strategy, optimizer=None, loss="mse", normalized=False, metrics=(), **kwargs):
    keras.utils.set_random_seed(3)
    with strategy.scope():
        layers = [keras.layers.BatchNormalization()] if normalized else []
        model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1)])
        optimizer = optimizer() if optimizer else keras.optimizers.SGD(1.0)
        model.compile(optimizer, loss, metrics=list(metrics), **kwargs)
    return model


def fit(model, rows=10, **kwargs):
    kwargs = {"batch_size": rows, "shuffle": False, "verbose": 0, **kwargs}
    return model.fit(X[:rows], Y[:rows], **kwargs).history


def raises(message, function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except Exception as error:
        return message in str(error)
    return False


def update(strategy, **kwargs):
    model = model_of(strategy, **kwargs)
    before = model.get_weights()
    fit(model)
    return np.sqrt(
        sum(np.sum((a - b) ** 2) for a, b in zip(before, model.get_weights(), strict=True))
    )


def step_on_uneven(strategy, loss):
    model = model_of(strategy, optimizer=lambda: keras.optimizers.SGD(0.1), loss=loss)
    fit(model, rows=7, batch_size=4)  # an even batch first: Keras cannot build on an uneven one
    return np.concatenate([weight.ravel() for weight in model.get_weights()])


def differs_when_uneven(strategy, loss):
    one = tf.distribute.OneDeviceStrategy("CPU:0")
    there, here = step_on_uneven(strategy, loss), step_on_uneven(one, loss)
    return bool(np.max(np.abs(there - here)) > 1e-4)


def replicas_part(strategy):
    model = model_of(strategy, normalized=True)
    fit(model)
    first, second = strategy.experimental_local_results(model.layers[0].moving_mean.value)
    return bool(np.max(np.abs(first.numpy() - second.numpy())) > 1e-4)


def optimizer(**kwargs):
    return lambda: keras.optimizers.SGD(1.0, **kwargs)


def generator_batches_seen(strategy):
    seen = []

    def batches():
        for index in range(6):
            yield np.full((4, 4), index, "float32"), np.zeros((4, 1), "float32")

    class Noting(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)

    model_of(strategy).fit(batches(), verbose=0, callbacks=[Noting()])
    return len(seen)


def counts_step_after_end():
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(5).filter(lambda x, y: True)
    model = model_of(tf.distribute.get_strategy())
    model.fit(data, verbose=0)
    return int(model.optimizer.iterations.numpy()) == 3


def uneven_metric_is_biased(strategy):
    metrics = [keras.metrics.RootMeanSquaredError("rmse")]
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(10)

    class LastBatch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.rmse = float(logs["rmse"])

    last = LastBatch()
    model_of(strategy, metrics=metrics).fit(data, verbose=0, callbacks=[last])
    error = model_of(tf.distribute.get_strategy()).predict(X, verbose=0) - Y
    return not math.isclose(last.rmse, float(np.sqrt(np.mean(error**2))), rel_tol=1e-5)


def loss_scale_optimizer_sees_parts(strategy):
    def scaled():
        return keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1.0), initial_scale=1.0)

    seen = []
    check = keras.optimizers.LossScaleOptimizer.check_finite

    def noting(self, grads):
        seen.append(grads[-1])
        return check(self, grads)

    keras.optimizers.LossScaleOptimizer.check_finite = noting
    try:
        fit(model_of(strategy, scaled, run_eagerly=True))
    finally:
        keras.optimizers.LossScaleOptimizer.check_finite = check
    return not np.allclose(seen[0], seen[1], atol=1e-6)


def told_of_a_batch_that_is_not_there():
    ends = []

    class Noting(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            ends.append(batch)

    one = model_of(tf.distribute.get_strategy(), steps_per_execution=3)
    fit(one, batch_size=2, callbacks=[Noting()])
    return ends[-1] > 4  # there are five batches


def epochs_are_shuffled_alike():
    class Noting(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = keras.layers.Dense(1)
            self.seen = tf.Variable(tf.zeros([10]), trainable=False)

        def call(self, x):
            return self.inner(x)

        def train_step(self, data):
            self.seen.assign(data[0][:, 0])
            return super().train_step(data)

    orders = []
    keras.utils.set_random_seed(3)
    model = Noting()
    model.compile("sgd", "mse")
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: orders.append(model.seen.numpy().tolist())
    )
    model.fit(X, Y, batch_size=10, epochs=3, verbose=0, callbacks=[note])
    return orders[0] == orders[1] == orders[2]


def freeing_an_iterator_waits():
    """For its tuner, which looks after 70 ms and next after 150: in some of many tries."""
    dataset = tf.data.Dataset.range(9).map(lambda each: each, tf.data.AUTOTUNE)

    def seconds(_):
        iterator = iter(dataset)
        next(iterator)
        time.sleep(0.08)
        begin = time.perf_counter()
        del iterator
        return time.perf_counter() - begin

    with ThreadPoolExecutor(16) as threads:
        return any(each > 0.04 for each in threads.map(seconds, range(160)))


def mirrored():
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    return {
        "gradient_aggregation: clips before the sum": not math.isclose(
            update(strategy, optimizer=optimizer(global_clipnorm=0.01)), 0.01, rel_tol=1e-3
        ),
        "gradient_aggregation: accumulation raises": raises(
            "merge_call",
            update,
            strategy,
            optimizer=optimizer(gradient_accumulation_steps=2),
        ),
        "gradient_aggregation: overwriting with averages raises": raises(
            "merge_call",
            update,
            strategy,
            optimizer=optimizer(use_ema=True, ema_overwrite_frequency=2),
        ),
        "loss_scaling: uneven batches": differs_when_uneven(strategy, "mse"),
        "loss_scaling: losses of one number": differs_when_uneven(
            strategy, lambda y, p: keras.ops.mean(keras.ops.square(y - p))
        ),
        "loss_scale_optimizer: looks at parts of the gradient": loss_scale_optimizer_sees_parts(
            strategy
        ),
        "batch_statistics: replicas part": replicas_part(strategy),
        "step_logs: metrics of parts": uneven_metric_is_biased(strategy),
        "step_functions: several steps": raises(
            "", lambda: fit(model_of(strategy, steps_per_execution=3), batch_size=4)
        ),
        "symbolic_build: a generator loses batches": generator_batches_seen(strategy) != 6,
        "symbolic_build: an uneven first batch raises": raises(
            "", lambda: fit(model_of(strategy), rows=5)
        ),
        "jit_compile: fails in the first step": raises(
            "", lambda: fit(model_of(strategy, jit_compile=True))
        ),
        "epoch_iterator: one process counts a step too many": counts_step_after_end(),
        "stepped_data: a batch that is not there": told_of_a_batch_that_is_not_there(),
        "seeded_arrays: every epoch in the same order": epochs_are_shuffled_alike(),
        "iterator_end: freeing waits": freeing_an_iterator_waits(),
    }


def workers():
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    return {"symbolic_build: fit raises": raises("", lambda: fit(model_of(strategy)))}


if __name__ == "__main__":
    with open(sys.argv[1], "w") as file:
        json.dump({"mirrored": mirrored, "workers": workers}[sys.argv[2]](), file)
