"""The cases that must come out the same on any number of replicas.

Every case is a function that builds, compiles and fits a model under the current strategy and
returns what it learnt; `run_cases.py` runs them in one process or in one of several.
97 rows in batches of 16 make an epoch of seven steps whose last batch is a single row, so that
some replicas hold nothing; four epochs are 28 steps.
"""

import contextlib

import numpy as np

from tftrain.keras_api import keras, tf

ROWS, BATCH, EPOCHS = 97, 16, 4
CASES, SLOW_CASES = {}, {}


def case(function):
    CASES[function.__name__] = function
    return function


def slow_case(function):
    SLOW_CASES[function.__name__] = function
    return function


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def classes(rows=ROWS, count=3, seed=1):
    return np.random.default_rng(seed).integers(0, count, size=rows)


X, Y = numbers(ROWS, 6), classes()
VALIDATION = (numbers(23, 6, seed=2), classes(23, seed=3))


def dense(*layers):
    return keras.Sequential(
        [keras.Input((6,)), *layers, keras.layers.Dense(8, "tanh"), keras.layers.Dense(3)]
    )


def cross_entropy(**kwargs):
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, **kwargs)


def trained(model, data=(X, Y), inputs=None, **fit):
    fit = {"epochs": EPOCHS, "batch_size": BATCH, "shuffle": False, "verbose": 0, **fit}
    history = model.fit(*data, **fit).history
    return {
        "weights": model.get_weights(),
        "history": history,
        "predictions": [] if inputs is None else predicted(model, inputs),
    }


def predicted(model, inputs):
    return keras.tree.flatten(model.predict(inputs, batch_size=BATCH, verbose=0))


def compiled(model, optimizer=None, loss=None, metrics=("accuracy",), **kwargs):
    model.compile(
        optimizer or keras.optimizers.SGD(0.1, momentum=0.9),  # Adam would forgive a factor
        loss or cross_entropy(),
        metrics=list(metrics),
        **kwargs,
    )
    return model


@slow_case
def dense_with_validation():
    return trained(compiled(dense()), validation_data=VALIDATION)


@case
def convolution():
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    images = numbers(ROWS, 6, 6, 1)
    return trained(compiled(model), (images, Y), images)


@case
def synchronized_batch_normalization():
    return trained(
        compiled(dense(keras.layers.BatchNormalization(synchronized=True))),
        validation_data=VALIDATION,
    )


@case
def recurrence_with_masked_steps():
    model = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Embedding(7, 4, mask_zero=True),
            keras.layers.SimpleRNN(6, return_sequences=True),
            keras.layers.Dense(3),
        ]
    )
    tokens = np.random.default_rng(4).integers(0, 7, size=(ROWS, 5))
    return trained(compiled(model), (tokens, tokens % 3))


@slow_case
def clipnorm():
    return trained(compiled(dense(), keras.optimizers.Adam(0.01, clipnorm=0.05)))


@slow_case
def global_clipnorm():
    return trained(compiled(dense(), keras.optimizers.SGD(0.5, global_clipnorm=0.05)))


@slow_case
def clipvalue():
    return trained(compiled(dense(), keras.optimizers.SGD(0.5, clipvalue=0.01)))


@case
def gradient_accumulation():
    optimizer = keras.optimizers.Adam(0.02, gradient_accumulation_steps=3, clipnorm=0.1)
    return trained(compiled(dense(), optimizer))


@case
def weight_decay_and_average():
    optimizer = keras.optimizers.AdamW(
        0.01, weight_decay=0.1, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=5
    )
    return trained(compiled(dense(), optimizer))


@slow_case
def learning_rate_schedule():
    schedule = keras.optimizers.schedules.CosineDecay(0.02, 60)
    return trained(compiled(dense(), keras.optimizers.Adam(schedule)))


@case
def weighted_regularized_and_constrained():
    layer = keras.layers.Dense(
        5, kernel_regularizer="l2", kernel_constraint=keras.constraints.MaxNorm(0.9)
    )
    model = compiled(dense(layer), weighted_metrics=["accuracy"])
    return trained(model, sample_weight=np.linspace(0, 2, ROWS, dtype="float32"))


@slow_case
def class_weights():
    return trained(compiled(dense()), class_weight={0: 0.5, 1: 3.0})


@slow_case
def mean_over_sample_weights():
    model = compiled(dense(), loss=cross_entropy(reduction="mean_with_sample_weight"))
    return trained(model, sample_weight=np.linspace(0, 2, ROWS, dtype="float32"))


@slow_case
def summed_loss():
    return trained(
        compiled(dense(), keras.optimizers.Adam(0.01, clipnorm=0.2), cross_entropy(reduction="sum"))
    )


@slow_case
def loss_of_one_number():
    def one_number(y, logits):
        return keras.ops.mean(
            keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)
        )

    return trained(compiled(dense(), keras.optimizers.SGD(0.1), one_number))


@slow_case
def metrics_that_are_not_means():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, "sigmoid")])
    metrics = [keras.metrics.AUC(), keras.metrics.Precision(), keras.metrics.F1Score(), "mae"]
    model.compile("adam", "binary_crossentropy", metrics=metrics)
    return trained(model, (X, (Y > 0).astype("float32")[:, None]))


@case
def several_inputs_and_outputs():
    first, second = keras.Input((6,), name="first"), keras.Input((4,), name="second")
    joined = keras.layers.Concatenate()([first, second])
    outputs = {
        "kind": keras.layers.Dense(3, name="kind")(joined),
        "size": keras.layers.Dense(1, name="size")(joined),
    }
    model = keras.Model({"first": first, "second": second}, outputs)
    model.compile(
        keras.optimizers.Adam(0.01),
        {"kind": cross_entropy(), "size": "mse"},
        loss_weights={"kind": 1.0, "size": 0.3},
        metrics={"kind": ["accuracy"], "size": ["mae"]},
    )
    inputs = {"first": X, "second": numbers(ROWS, 4, seed=5)}
    return trained(model, (inputs, {"kind": Y, "size": numbers(ROWS, 1, seed=6)}), inputs)


class CustomStep(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.out = keras.layers.Dense(8, "tanh"), keras.layers.Dense(3)
        self.tracker = keras.metrics.Mean(name="tracked")

    def call(self, x):
        return self.out(self.hidden(x))

    @property
    def metrics(self):
        return [self.tracker]

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        self.tracker.update_state(loss)
        return {"tracked": self.tracker.result(), "raw": loss}

    def test_step(self, data):
        x, y = data
        self.tracker.update_state(self.compute_loss(y=y, y_pred=self(x)))
        return {"tracked": self.tracker.result()}


@case
def subclass_with_own_train_step():
    model = CustomStep()
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9, global_clipnorm=0.3), cross_entropy())
    return trained(model, validation_data=VALIDATION)


@case
def several_steps_per_execution():
    return trained(compiled(dense(), steps_per_execution=4), inputs=X, validation_data=VALIDATION)


@slow_case
def eager():
    return trained(compiled(dense(), run_eagerly=True), epochs=2)


@slow_case
def float16_with_loss_scaling():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        return trained(compiled(dense(), keras.optimizers.SGD(0.05)))
    finally:
        keras.config.set_dtype_policy("float32")


@case
def dataset_of_unknown_size():
    rows = tf.data.Dataset.from_tensor_slices((X, Y)).filter(lambda x, y: x[0] < 1.5)
    # SGD: at the end of such data one process alone counts a step too many (see the canaries)
    model = compiled(dense(), keras.optimizers.SGD(0.1))
    return trained(model, (rows.batch(BATCH),), batch_size=None)


@slow_case
def endless_dataset():
    rows = tf.data.Dataset.from_tensor_slices((X, Y)).batch(BATCH).repeat()
    model = compiled(dense(), steps_per_execution=2)
    return trained(
        model,
        (rows,),
        batch_size=None,
        steps_per_epoch=6,
        validation_data=rows,
        validation_steps=4,
        initial_epoch=1,
    )


@slow_case
def shuffled_dataset():
    rows = tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(ROWS, seed=8).batch(BATCH)
    return trained(compiled(dense()), (rows,), batch_size=None)


@slow_case
def python_generator():
    def batches():
        for _ in range(EPOCHS):
            for begin in range(0, ROWS, BATCH):
                yield X[begin : begin + BATCH], Y[begin : begin + BATCH]

    return trained(
        compiled(dense()), (batches(),), batch_size=None, steps_per_epoch=-(-ROWS // BATCH)
    )


class Slices(keras.utils.PyDataset):
    def __len__(self):
        return -(-ROWS // BATCH)

    def __getitem__(self, index):
        rows = slice(index * BATCH, (index + 1) * BATCH)
        return X[rows], Y[rows]


@slow_case
def py_dataset():
    return trained(compiled(dense()), (Slices(),), batch_size=None)


@slow_case
def shuffled_py_dataset():
    return trained(compiled(dense()), (Slices(),), batch_size=None, shuffle=True)


@slow_case
def split_for_validation():
    return trained(compiled(dense()), validation_split=0.2)


@case
def single_batches():
    model = compiled(dense(), metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")])
    logs = [
        model.train_on_batch(X[i : i + BATCH], Y[i : i + BATCH], return_dict=True)
        for i in range(0, ROWS, BATCH)
    ]
    tested = model.test_on_batch(*VALIDATION, return_dict=True)
    return {
        "weights": model.get_weights(),
        "history": {key: [log[key] for log in [*logs, tested]] for key in tested},
        "predictions": [model.predict_on_batch(X)],
    }


class CountRows(keras.metrics.Metric):
    def __init__(self):
        super().__init__(name="rows")
        self.rows = self.add_variable((), "zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.rows.assign_add(keras.ops.cast(keras.ops.shape(y_true)[0], "float32"))

    def result(self):
        return self.rows


@case
def evaluation():
    model = compiled(dense(), metrics=["accuracy", CountRows()])
    results = model.evaluate(X, Y, batch_size=BATCH, verbose=0, return_dict=True)
    return {"weights": [], "history": {k: [v] for k, v in results.items()}, "predictions": []}


@case
def fused_here_several_steps_there():  # the last case: in one process too, it repairs Keras
    import tftrain

    model = compiled(dense())
    replicated = tf.distribute.has_strategy()
    options = {"batch_size": BATCH, "epochs": EPOCHS, "validation_data": VALIDATION, "verbose": 0}
    history = tftrain.fit(model, X, Y, seed=5, **options)
    assert history.engine == ("multi_step" if replicated else "fused_epoch"), history.engine
    return {
        "weights": model.get_weights(),
        "history": history.history,
        "predictions": predicted(model, X),
    }


def run(names, scope=contextlib.nullcontext):
    """Runs cases in order, each with fresh seeds; flattens results to arrays by name."""
    arrays = {}
    for name in names:
        keras.utils.set_random_seed(11)
        with scope():
            result = {**CASES, **SLOW_CASES}[name]()
        for kind in ("weights", "predictions"):
            for position, value in enumerate(result[kind]):
                arrays[f"{name}/{kind}/{position}"] = np.asarray(value)
        for metric, values in result["history"].items():
            arrays[f"{name}/history/{metric}"] = np.asarray(values, dtype="float64")
    return arrays
