"""Two workers that train by local SGD, and what one process gets; each worker writes its result."""

import json
import os
from pathlib import Path

import numpy as np

from tftrain.callbacks import Checkpoint
from tftrain.checkpoints import CheckpointFolder
from tftrain.distribute import keras_bridge, local_sgd
from tftrain.errors import BadInput, StrategyError
from tftrain.keras_api import keras, tf

RNG = np.random.default_rng(0)
X = RNG.normal(size=(193, 8)).astype("float32")  # last batch of 16: none for worker 1
Y = X[:, :3].argmax(1)
RESULT: dict = {}
FOLDER = Path(os.environ["TFTRAIN_TEST_FOLDER"])


def classifier(optimizer, strategy=None, normalize=False, **settings):
    keras.utils.set_random_seed(0)
    with strategy.scope() if strategy else tf.device("CPU:0"):
        layers = [keras.layers.BatchNormalization()] if normalize else []
        model = keras.Sequential(
            [
                keras.Input((8,)),
                keras.layers.Dense(16, activation="relu"),
                *layers,
                keras.layers.Dense(3, activation="softmax"),
            ]
        )
        settings = {"metrics": ["accuracy"], **settings}
        model.compile(
            optimizer() if callable(optimizer) else optimizer,
            "sparse_categorical_crossentropy",
            **settings,
        )
    return model


def floats(history):
    return {k: [float(v) for v in values] for k, values in history.history.items()}


def difference(model, other):
    pairs = zip(model.get_weights(), other.get_weights(), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def spread(strategy, model):
    """How far the furthest parameter of this worker is from the mean over workers."""
    values = [np.asarray(v) for v in [*model.weights, *model.optimizer.variables]]
    means = strategy.sum(values)
    return max(float(np.abs(v - m / 2).max()) for v, m in zip(values, means, strict=True))


def every_step(communicator):
    strategy = local_sgd.strategy(communicator, sync_every=1)
    fit = {"epochs": 3, "batch_size": 16, "shuffle": False, "verbose": 0}
    fit["validation_data"] = (X[:77], Y[:77])
    model, alone = (
        classifier(lambda: keras.optimizers.SGD(0.1), scope) for scope in (strategy, None)
    )
    together, apart = model.fit(X, Y, **fit), alone.fit(X, Y, **fit)
    return {
        "difference": difference(model, alone),
        "iterations": int(model.optimizer.iterations.numpy()),
        "expected_iterations": int(alone.optimizer.iterations.numpy()),
        "history": floats(together),
        "expected_history": floats(apart),
        "evaluate": model.evaluate(X[:101], Y[:101], verbose=0),
        "expected_evaluate": alone.evaluate(X[:101], Y[:101], verbose=0),
        "predict_difference": float(
            np.abs(model.predict(X, verbose=0) - alone.predict(X, verbose=0)).max()
        ),
    }


def now_and_then(communicator):
    strategy = local_sgd.strategy(communicator, sync_every=4)
    keras.utils.set_random_seed(strategy.worker_index)  # the workers disagree on purpose
    model = classifier("adam", strategy, normalize=True)
    for variable in model.weights:
        variable.assign(variable + 0.1 * strategy.worker_index)
    apart = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            apart.append(spread(strategy, model))

    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(16)
    callbacks = [Watch(), Checkpoint(FOLDER / "checkpoints")]
    history = model.fit(dataset, epochs=4, verbose=0, callbacks=callbacks)
    return {
        "history": floats(history),
        "apart": apart,
        "end": spread(strategy, model),
        "saved_metrics": strategy.worker_index == 0 and saved_metrics(model),
    }


def saved_metrics(model):
    """Of loss and accuracy the sum and the number of examples, as the chief has saved them."""
    tensors = CheckpointFolder(FOLDER / "checkpoints").newest().tensors
    return [float(tensors[f"metrics/{n}"]) for n in range(len(model.metrics_variables))]


def uses_of_rows(communicator):
    """A weight a row, SGD with rate 1 and gradient 1: weights count how often a row was used."""
    strategy = local_sgd.strategy(communicator, sync_every=3)
    with strategy.scope():
        model = keras.Sequential(
            [keras.Input((96,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")]
        )
        model.compile(keras.optimizers.SGD(1.0), lambda y, p: keras.ops.sum(p))
    model.fit(np.eye(96, dtype="f4"), np.zeros((96, 1), "f4"), batch_size=16, epochs=2, verbose=0)
    uses = -2 * model.get_weights()[0]  # each worker moved by 1, and the mean halves it
    return [float(uses.min()), float(uses.max())]


def within_the_scope(communicator):
    with local_sgd.strategy(communicator, sync_every=2).scope():
        model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(X, Y, epochs=1, verbose=0)
        return len(model.predict(X, verbose=0))


def refusals(communicator):
    found = {}
    try:
        local_sgd.strategy(communicator, sync_every=0)
    except BadInput as error:
        found["sync_every"] = str(error)
    strategy = local_sgd.strategy(communicator, sync_every=3)
    try:
        classifier("sgd", strategy, steps_per_execution=2).fit(X, Y, verbose=0)
    except StrategyError as error:
        found["executions"] = str(error)
    return found


def main():
    keras_bridge.install()  # as tftrain.distribute.strategy does
    communicator = tf.distribute.MultiWorkerMirroredStrategy()
    for check in (every_step, now_and_then, uses_of_rows, within_the_scope, refusals):
        RESULT[check.__name__] = check(communicator)
    index = communicator.extended._id_in_cluster
    (FOLDER / f"result-{index}.json").write_text(json.dumps(RESULT, indent=1))


if __name__ == "__main__":
    main()
