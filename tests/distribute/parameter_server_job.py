"""A whole job with parameter servers; the coordinator writes what it found to result.json."""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from cluster_processes import ask

from tftrain import optim
from tftrain.distribute import keras_bridge, parameter_server
from tftrain.distribute.variable_placement import server_of
from tftrain.errors import ServerLost, StrategyError
from tftrain.keras_api import keras, tf

ROWS, FEATURES, CLASSES = 650, 8, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, FEATURES)).astype("float32")
Y = X[:, :CLASSES].argmax(1)
RESULT: dict = {}


def classifier(optimizer="adam", strategy=None, metrics=("accuracy",), **compile_settings):
    keras.utils.set_random_seed(0)
    with strategy.scope() if strategy else tf.device("CPU:0"):
        model = keras.Sequential(
            [
                keras.Input((FEATURES,)),
                keras.layers.Dense(16, activation="relu"),
                keras.layers.Dense(CLASSES, activation="softmax"),
            ]
        )
        model.compile(
            optimizer() if callable(optimizer) else optimizer,
            loss="sparse_categorical_crossentropy",
            metrics=[m() if callable(m) else m for m in metrics],
            **compile_settings,
        )
    return model


def row_counter(strategy, optimizer=None, **compile_settings):
    """One weight a row: the gradient is one a use, so the weights count the rows' uses."""
    with strategy.scope():
        model = keras.Sequential(
            [keras.Input((96,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")]
        )
        model.compile(
            optimizer() if optimizer else keras.optimizers.SGD(1.0),
            loss=lambda y, p: keras.ops.sum(p) / keras.ops.cast(keras.ops.shape(p)[0], "float32"),
            **compile_settings,
        )
    return model


def canary(strategy):
    model = classifier(strategy=strategy)
    try:
        model.fit(X, Y, verbose=0)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "no error"


def placement(strategy):
    with strategy.scope():
        model = keras.Sequential([keras.Input((64,)), *(keras.layers.Dense(64) for _ in range(4))])
    loads = [0, 0]
    for variable in model.variables:
        loads[server_of(variable.value.device)] += variable.value.shape.num_elements()
    return loads


def trains(strategy):
    decay = keras.optimizers.schedules.InverseTimeDecay(0.01, 10, 1.0)
    model = classifier(lambda: keras.optimizers.Adam(decay), strategy)
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs):
            seen.append(logs["loss"])

    history = model.fit(
        X, Y, epochs=4, initial_epoch=1, batch_size=32, verbose=0,
        validation_data=(X[:333], Y[:333]), callbacks=[Watch()],
    )  # fmt: skip
    return {
        "history": history.history,
        "epochs": history.epoch,
        "iterations": int(model.optimizer.iterations.numpy()),
        "rate": float(model.optimizer.learning_rate),
        "expected_rate": float(decay(63)),
        "batch_losses": seen,
    }


def measures(strategy):
    model = classifier(strategy=strategy)
    local = classifier()
    local.set_weights(model.get_weights())
    predicted = model.predict(X, batch_size=37, verbose=0)
    with strategy.scope():
        auc = keras.Sequential([keras.Input((1,)), keras.layers.Activation("sigmoid")])
        auc.compile(loss="binary_crossentropy", metrics=[keras.metrics.AUC(name="auc")])
    plain = keras.Sequential([keras.Input((1,)), keras.layers.Activation("sigmoid")])
    plain.compile(loss="binary_crossentropy", metrics=[keras.metrics.AUC(name="auc")])
    return {
        "here": local.evaluate(X, Y, batch_size=32, verbose=0, return_dict=True),
        "there": model.evaluate(X, Y, batch_size=32, verbose=0, return_dict=True),
        "auc_here": plain.evaluate(X[:, :1], Y == 0, verbose=0),
        "auc_there": auc.evaluate(X[:, :1], Y == 0, verbose=0),
        "predict_error": float(np.abs(predicted - local.predict(X, verbose=0)).max()),
        "predict_rows": len(predicted),
    }


def uses(model):
    """The least and the most often a row was used."""
    weights = -16 * model.get_weights()[0]
    return [float(weights.min()), float(weights.max())]


def counts(strategy):
    rows, targets = np.eye(96, dtype="float32"), np.zeros((96, 1), "float32")
    dataset = tf.data.Dataset.from_tensor_slices((rows, targets)).batch(16)

    def batches():
        for start in range(0, 96, 16):
            yield rows[start : start + 16], targets[start : start + 16]

    found = {}
    for name, data, settings in (
        ("arrays", (rows, targets), {"batch_size": 16, "epochs": 3}),
        ("dataset", (dataset,), {"epochs": 3}),
        ("dataset_in_steps", (dataset.repeat(),), {"epochs": 3, "steps_per_epoch": 6}),
        ("generator", (batches(),), {}),
    ):
        model = row_counter(strategy)
        model.fit(*data, verbose=0, **settings)
        found[name] = uses(model)
    model = row_counter(strategy, steps_per_execution=4)
    model.fit(rows, targets, batch_size=16, epochs=3, verbose=0)
    found["steps_per_execution"] = uses(model)
    return found


def updates(strategy):
    """Clipping and decay, each on single batches, where the outcome is known in closed form."""
    rows, targets = np.eye(96, dtype="float32"), np.zeros((96, 1), "float32")
    clipped = row_counter(strategy, lambda: keras.optimizers.SGD(1.0, global_clipnorm=0.01))
    clipped.train_on_batch(rows, targets)
    decayed = row_counter(strategy, lambda: keras.optimizers.SGD(0.5, weight_decay=0.1))
    decayed.set_weights([np.ones((96, 1), "float32")])
    for _ in range(3):
        decayed.train_on_batch(0 * rows, targets)
    return {
        "clipped_norm": float(np.linalg.norm(clipped.get_weights()[0])),
        "decayed": float(decayed.get_weights()[0].mean()),
    }


class TwiceCounted(keras.Model):
    """A subclassed model with its own train_step and a metric of its own."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(CLASSES)
        self.norm = keras.layers.BatchNormalization()
        self.drop = keras.layers.Dropout(0.1)
        self.rows = keras.metrics.Sum(name="rows")

    def call(self, x, training=False):
        return self.dense(self.drop(self.norm(x, training=training), training=training))

    def train_step(self, data):
        logs = super().train_step(data)
        self.rows.update_state(keras.ops.ones((keras.ops.shape(data[0])[0],)))
        return {**logs, "rows": self.rows.result(), "answer": keras.ops.convert_to_tensor(42.0)}


def custom(strategy):
    with strategy.scope():
        model = TwiceCounted()
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(X, Y, epochs=2, verbose=0)
    return {k: [float(v) for v in values] for k, values in history.history.items()}


def refusals(strategy):
    found = {}
    for name, settings in {
        "accumulation": {
            "optimizer": lambda: keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
        },
        "codec": {"optimizer": lambda: optim.compress_gradients(keras.optimizers.SGD(), "int8")},
        "eager": {"run_eagerly": True},
        "jit": {"jit_compile": True},
    }.items():
        try:
            classifier(strategy=strategy, **settings).fit(X, Y, verbose=0)
        except StrategyError as error:
            found[name] = str(error)
    return found


def recovers_from_a_bad_batch(strategy):
    model = classifier(strategy=strategy)
    try:
        model.fit(X, Y + 100, verbose=0)
    except tf.errors.InvalidArgumentError as error:
        message = str(error)
    losses = model.fit(X, Y, verbose=0).history["loss"]
    return {"message": message, "loss": losses[0]}


class AtBatch(keras.callbacks.Callback):
    """Asks once, in mid-epoch, for a process to be killed."""

    def __init__(self, job, index):
        super().__init__()
        self.task, self.at = (job, index), None

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 5 and self.at is None:
            ask("kill", *self.task)
            self.at = time.monotonic()


class AtEpoch(AtBatch):
    """Asks for it in the middle of one epoch."""

    def __init__(self, epoch, job, index):
        super().__init__(job, index)
        self.epoch, self.now = epoch, False

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch == self.epoch

    def on_train_batch_begin(self, batch, logs=None):
        if self.now:
            super().on_train_batch_begin(batch, logs)


def backup():
    folder = Path(os.environ["TFTRAIN_TEST_FOLDER"]).parent / "backup"
    return keras.callbacks.BackupAndRestore(folder)


def resumes(strategy):
    """In a second job: goes on where the one whose server was lost had its last checkpoint."""
    model = classifier(strategy=strategy)
    history = model.fit(X, Y, epochs=5, verbose=0, callbacks=[backup()])
    return {"epochs": history.epoch, "iterations": int(model.optimizer.iterations.numpy())}


def mixed_precision(strategy):
    keras.mixed_precision.set_global_policy("mixed_float16")
    model = classifier(strategy=strategy)
    keras.mixed_precision.set_global_policy("float32")
    history = model.fit(X, Y, epochs=2, verbose=0).history
    return {"loss": history["loss"], "optimizer": type(model.optimizer).__name__}


def several_inputs(strategy):
    with strategy.scope():
        inputs = {"a": keras.Input((4,), name="a"), "b": keras.Input((3,), name="b")}
        hidden = keras.layers.Concatenate()(list(inputs.values()))
        outputs = {
            name: keras.layers.Dense(n, name=name)(hidden) for name, n in (("p", 1), ("q", 2))
        }
        model = keras.Model(inputs, outputs)
        model.compile("sgd", loss={"p": "mse", "q": "mse"}, metrics={"p": ["mae"]})
    x = {"a": X[:, :4], "b": X[:, :3]}
    y = {"p": X[:, :1], "q": X[:, :2]}
    model.fit(x, y, sample_weight={"p": X[:, 0] ** 2, "q": X[:, 1] ** 2}, verbose=0)
    found, here = model.predict(x, batch_size=100, verbose=0), model(x)
    return max(float(np.abs(found[name] - here[name].numpy()).max()) for name in "pq")


def embeddings(strategy):
    """Sparse gradients, a mask, a recurrent layer, clipping and moving averages, built in fit."""
    with strategy.scope():
        model = keras.Sequential(
            [keras.layers.Embedding(50, 4, mask_zero=True), keras.layers.LSTM(4),
             keras.layers.Dense(CLASSES, activation="softmax")]
        )  # fmt: skip
        model.compile(
            keras.optimizers.AdamW(0.01, clipnorm=1.0, use_ema=True),
            loss="sparse_categorical_crossentropy",
        )
    tokens = np.clip(X * 10 + 25, 0, 49).astype("int32")
    return model.fit(tokens, Y, epochs=4, verbose=0, class_weight={0: 1, 1: 1, 2: 1}).history


def survives(strategy, index):
    with strategy.scope():
        model = TwiceCounted()
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(X, Y, epochs=3, verbose=0, callbacks=[AtBatch("worker", index)])
    return {k: [float(v) for v in values] for k, values in history.history.items()}


def loses_a_server(strategy):
    model = classifier(strategy=strategy)
    kill = AtEpoch(3, "ps", 0)
    try:
        model.fit(X, Y, epochs=5, verbose=0, callbacks=[backup(), kill])
    except ServerLost as error:
        return {"message": str(error), "seconds": time.monotonic() - kill.at}


def worker_answers(strategy, index):
    """Waits until a restarted worker takes steps again."""
    coordinator = parameter_server.dispatcher(strategy).coordinator
    worker = coordinator._cluster.workers[index]
    deadline = time.monotonic() + 60
    while worker._is_dead_with_error and time.monotonic() < deadline:
        time.sleep(0.2)
    return not worker._is_dead_with_error


def main():
    strategy = parameter_server.strategy(grace=3)  # servers and workers never pass this line
    if os.environ.get("TFTRAIN_TEST_CHECK") == "resumes":
        keras_bridge.install()
        RESULT["resumed"] = resumes(strategy)
        return
    RESULT["canary"] = canary(strategy)
    keras_bridge.install()
    for check in (
        placement, trains, measures, counts, updates, custom, mixed_precision, several_inputs,
        embeddings, refusals, recovers_from_a_bad_batch,
    ):  # fmt: skip
        RESULT[check.__name__] = check(strategy)
    RESULT["worker_killed"] = survives(strategy, 1)
    ask("start", "worker", 1)
    RESULT["worker_back"] = worker_answers(strategy, 1)
    RESULT["other_worker_killed"] = survives(strategy, 0)
    RESULT["server_killed"] = loses_a_server(strategy)


if __name__ == "__main__":
    started = time.monotonic()
    try:
        main()
    finally:
        if RESULT:
            RESULT["seconds"] = time.monotonic() - started
            folder = Path(os.environ["TFTRAIN_TEST_FOLDER"])
            (folder / "result.json").write_text(json.dumps(RESULT, indent=1))
