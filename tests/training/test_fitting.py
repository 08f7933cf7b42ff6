"""Every engine against Keras's own loop: the same histories, weights and callbacks."""

import functools

import numpy as np
import pytest

import tftrain
from tftrain.callbacks import (
    GradientClipping,
    GradientStatistics,
    LearningRateDecay,
    WeightClipping,
)
from tftrain.errors import EngineError, UnknownName
from tftrain.keras_api import keras, tf

ENGINES = ("multi_step", "fused_epoch", "fused_epoch_xla")
FUSED = ("fused_epoch", "fused_epoch_xla")
layers = keras.layers


def sequential(*parts, shape=(6,), optimizer=None, loss="mse", metrics=("mae",), **options):
    model = keras.Sequential([keras.Input(shape), *parts])
    optimizer = optimizer or keras.optimizers.SGD(0.05)  # traced in half the time Adam takes
    model.compile(optimizer, loss, metrics=list(metrics), **options)
    return model


def dense(**options):
    return sequential(layers.Dense(5, "tanh"), layers.Dense(1), **options)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


X, Y = numbers(50, 6), numbers(50, 1, seed=1)  # 50 is no multiple of the batch sizes used


def trained(make, engine, x=X, y=Y, **options):
    """The model's state and the history of three epochs of batches of 8."""
    keras.utils.set_random_seed(3)
    model = make()
    if not isinstance(x, tf.data.Dataset):
        options = {"batch_size": 8, **options}
    options = {"epochs": 3, "verbose": 0, **options}
    given = options.pop("callbacks", list)()
    history = tftrain.fit(model, x, y, engine=engine, callbacks=given, **options)
    assert history.engine == engine
    return [variable.numpy() for variable in model.variables], history.history


@functools.cache
def by(engine, scenario="sgd"):
    """What an engine gives, once for all tests."""
    options = {name: each for name, each in SCENARIOS[scenario].items() if name != "tolerance"}
    return trained(engine=engine, **{"make": dense, **options})


def check_same(scenario, engine):
    tolerance = SCENARIOS[scenario].get("tolerance", 1e-5)
    weights, history = by(engine, scenario)
    expected_weights, expected = by("keras", scenario)
    assert list(history) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=tolerance, atol=tolerance)
    for value, wanted in zip(weights, expected_weights, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=tolerance, atol=tolerance)


def classes(count=3):
    return np.arange(50) % count


def convolutional():
    return sequential(
        layers.Conv2D(4, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3, "softmax"),
        shape=(6, 6, 1),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )


def recurrent():
    return sequential(
        layers.Embedding(9, 4, mask_zero=True), layers.LSTM(5), layers.Dense(1), shape=(7,)
    )


def two_outputs():
    inputs = {name: keras.Input((4,), name=name) for name in ("left", "right")}
    both = layers.concatenate(list(inputs.values()))
    outputs = {"a": layers.Dense(1, name="a")(both), "b": layers.Dense(2, name="b")(both)}
    model = keras.Model(inputs, outputs)
    model.compile("sgd", {"a": "mse", "b": "mae"}, loss_weights={"a": 1.0, "b": 0.5})
    return model


class OwnStep(keras.Model):
    """Has a step of its own, that gives logs which are no metrics, and is built by its data."""

    def __init__(self):
        super().__init__()
        self.inner = layers.Dense(1)

    def call(self, x):
        return self.inner(x)

    def train_step(self, data):
        logs = super().train_step(data)
        return {**logs, "last_x": tf.reduce_mean(data[0])}


def own_step():
    model = OwnStep()
    model.compile(keras.optimizers.SGD(0.05), "mse")
    return model


def mixed(policy):
    def make():
        model = sequential(
            layers.Dense(8, "relu", dtype=policy), layers.Dense(1, dtype=policy), optimizer="sgd"
        )
        return model

    return make


def with_schedule():
    rate = keras.optimizers.schedules.CosineDecay(0.01, 18, warmup_target=0.05, warmup_steps=3)
    return dense(optimizer=keras.optimizers.Adam(rate))


def callbacks():
    return [
        GradientStatistics(),
        GradientClipping("global_norm:0.5"),
        WeightClipping(value=(-0.4, 0.4)),
        LearningRateDecay(lambda step: 0.01 / (1 + step)),
    ]


def batches(rows=50, size=8, **options):
    return tf.data.Dataset.from_tensor_slices((X[:rows], Y[:rows])).batch(size, **options)


SCENARIOS = {
    "sgd": {},
    "adam": {"make": lambda: dense(optimizer="adam")},
    "convolutional": {"make": convolutional, "x": numbers(50, 6, 6, 1), "y": classes()},
    "recurrent": {"make": recurrent, "x": np.arange(350).reshape(50, 7) % 9, "tolerance": 5e-5},
    "two outputs": {  # no smaller last batch: Keras weighs outputs' losses wrongly by it
        "make": two_outputs,
        "x": {"left": numbers(48, 4), "right": numbers(48, 4, seed=2)},
        "y": {"a": Y[:48], "b": numbers(48, 2, seed=3)},
    },
    "own step": {"make": own_step},
    "bfloat16": {"make": mixed("mixed_bfloat16"), "tolerance": 2e-2},
    "float16": {"make": mixed("mixed_float16"), "tolerance": 5e-3},
    "accumulation": {
        "make": lambda: dense(optimizer=keras.optimizers.Adam(0.01, gradient_accumulation_steps=3))
    },
    "average and decay": {
        "make": lambda: dense(
            optimizer=keras.optimizers.AdamW(0.01, use_ema=True, ema_overwrite_frequency=5)
        )
    },
    "clipping": {"make": lambda: dense(optimizer=keras.optimizers.SGD(0.1, global_clipnorm=0.1))},
    "schedule": {"make": with_schedule},
    "arrays with weights": {"sample_weight": np.linspace(0, 2, 50)},
    "class weights": {
        "make": convolutional,
        "x": numbers(50, 6, 6, 1),
        "y": classes(),
        "class_weight": {0: 1.0, 1: 3.0, 2: 0.5},
    },
    "validation": {"validation_data": (X[:19], Y[:19]), "validation_batch_size": 4},
    "dataset, steps": {"x": batches().repeat(), "y": None, "steps_per_epoch": 5},
}
# The data come another way, the compiled program is the same.
WAYS_OF_GIVING_DATA = {
    "validation split": {"validation_split": 0.3, "validation_freq": 2},
    "validation dataset": {"validation_data": batches(21)},
    "arrays in order": {"shuffle": False},
    "arrays and steps": {"x": X[:48], "y": Y[:48], "steps_per_epoch": 3, "epochs": 4},
    "dataset": {"x": batches(), "y": None},
    "later epochs": {"initial_epoch": 1, "epochs": 4},
    "tensors": {"x": tf.constant(X), "y": tf.constant(Y)},
}
PROGRAMS = list(SCENARIOS)
SCENARIOS |= WAYS_OF_GIVING_DATA


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scenario", PROGRAMS)
def test_engines_train_as_keras_does(scenario, engine):
    check_same(scenario, engine)


@pytest.mark.parametrize("engine", ["multi_step", "fused_epoch"])
@pytest.mark.parametrize("scenario", WAYS_OF_GIVING_DATA)
def test_engines_read_data_as_keras_does(scenario, engine):
    check_same(scenario, engine)


def test_a_dataset_of_unknown_length_and_varying_batches_is_read_to_its_end():
    sizes = [3, 3, 5, 5, 5, 2, 3]
    ends = np.cumsum(sizes)

    def parts():
        for size, end in zip(sizes, ends, strict=True):
            yield X[end - size : end], Y[end - size : end]

    signature = (tf.TensorSpec([None, 6]), tf.TensorSpec([None, 1]))
    dataset = tf.data.Dataset.from_generator(parts, output_signature=signature)
    # Told their number: without it Keras counts a step too many in every epoch.
    counted = dataset.apply(tf.data.experimental.assert_cardinality(len(sizes)))
    expected, _ = trained(dense, "keras", counted, None)
    for engine in FUSED:
        for value, wanted in zip(trained(dense, engine, dataset, None)[0], expected, strict=True):
            np.testing.assert_allclose(value, wanted, atol=1e-5)


@pytest.mark.parametrize("engine", ["keras", *ENGINES], ids=lambda engine: engine)
def test_every_epoch_has_a_permutation_of_its_own(engine):
    seen = []

    class Seen(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = layers.Dense(1)

        def call(self, x):
            return self.inner(x)

        def train_step(self, data):
            self.noted.assign(tf.concat([self.noted[1:], data[0][:, 0]], 0))
            return super().train_step(data)

    keras.utils.set_random_seed(5)
    model = Seen()
    model.noted = tf.Variable(tf.zeros([12]), trainable=False)
    model.compile("sgd", "mse")

    class Read(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(model.noted.numpy().astype(int).tolist())

    places = np.arange(12, dtype="float32")[:, None]
    tftrain.fit(
        model, places, places, batch_size=1, epochs=3, engine=engine, verbose=0, callbacks=[Read()]
    )
    assert all(sorted(epoch) == list(range(12)) for epoch in seen)
    assert len({tuple(epoch) for epoch in seen}) == 3


def test_the_order_is_that_of_the_pipeline_from_the_same_seed():
    pipeline = tftrain.data.pipeline((X, Y), batch_size=8, seed=9)
    expected, _ = trained(dense, "keras", pipeline, None, shuffle=False)
    for engine in ("keras", "fused_epoch"):
        weights, _ = trained(dense, engine, seed=9)
        for value, wanted in zip(weights, expected, strict=True):
            np.testing.assert_allclose(value, wanted, atol=1e-6)


class Noted(keras.callbacks.Callback):
    """Notes the batches it is called for, and asks to be called for each or not."""

    def __init__(self, needs_every_batch):
        super().__init__()
        self.needs_every_batch = needs_every_batch
        self.ends = []

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append(batch)


@pytest.mark.parametrize("engine", FUSED)
def test_callbacks_that_act_on_batches_are_called_for_each(engine):
    every, some = Noted(True), Noted(False)
    trained(dense, engine, callbacks=lambda: [every, some], epochs=1)
    assert every.ends == some.ends == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("engine", ENGINES)
def test_other_callbacks_are_never_told_of_a_batch_that_is_not_there(engine):
    noted = Noted(False)
    trained(dense, engine, callbacks=lambda: [noted], epochs=1)
    assert noted.ends == [6]


def test_an_epoch_is_no_longer_than_asked_for_by_steps_per_execution():
    noted, model = Noted(True), dense(steps_per_execution=64)
    history = tftrain.fit(
        model, batches().repeat(), steps_per_epoch=5, epochs=2, verbose=0, callbacks=[noted]
    )
    assert history.engine in FUSED
    assert noted.ends == [4, 4]
    assert int(model.optimizer.iterations) == 10


def test_our_callbacks_act_on_every_batch():
    expected_weights, expected = trained(dense, "keras", callbacks=callbacks)
    for engine in FUSED:
        weights, history = trained(dense, engine, callbacks=callbacks)
        norms = history["gradient_norm_max"]
        assert norms == pytest.approx(expected["gradient_norm_max"], rel=1e-5)
        for value, wanted in zip(weights, expected_weights, strict=True):
            np.testing.assert_allclose(value, wanted, atol=1e-5)


@pytest.mark.parametrize("engine", FUSED)
def test_early_stopping_stops(engine):
    stopping = keras.callbacks.EarlyStopping("loss", min_delta=10, patience=1)
    _, history = trained(dense, engine, callbacks=lambda: [stopping], epochs=9)
    assert len(history["loss"]) == 2


class Crash(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize("engine", ["keras", *FUSED])
def test_a_crashed_training_resumes_as_if_nothing_had_happened(engine, tmp_path):
    def make():
        return sequential(layers.Dense(5), layers.Dropout(0.3), layers.Dense(1))

    uninterrupted, _ = trained(make, engine, epochs=4)
    for save_freq in ("epoch", 3):

        def backup(freq=save_freq):
            return keras.callbacks.BackupAndRestore(str(tmp_path / str(freq)), save_freq=freq)

        with pytest.raises(KeyboardInterrupt):
            trained(make, engine, callbacks=lambda: [backup(), Crash()], epochs=4)
        resumed, _ = trained(make, engine, callbacks=lambda: [backup()], epochs=4)
        for value, wanted in zip(resumed, uninterrupted, strict=True):
            np.testing.assert_allclose(value, wanted, atol=1e-6)


def test_predict_and_evaluate_within_a_callback_are_keras_s():
    seen = []

    class Asks(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.predict(X, batch_size=8, verbose=0).shape)
            seen.append(self.model.evaluate(X, Y, batch_size=8, verbose=0)[0])
            seen.append(self.model.steps_per_execution)

    for engine in ("keras", *ENGINES):
        trained(dense, engine, callbacks=lambda: [Asks()], epochs=1)
        assert seen[-3:] == [(50, 1), pytest.approx(seen[1], rel=1e-5), 1]


def test_a_second_fit_goes_on_and_keras_takes_over_again():
    def weights_after_each(*fits):
        keras.utils.set_random_seed(3)
        model = dense(optimizer=keras.optimizers.SGD(0.05))
        for fit in fits:
            fit(model, X, Y, batch_size=8, epochs=2, verbose=0, shuffle=False)
            yield from model.get_weights()

    def keras_fit(model, *args, **options):
        return model.fit(*args, **options)

    expected = [*weights_after_each(*4 * [keras_fit])]
    for engine in FUSED:
        ours = functools.partial(tftrain.fit, engine=engine)
        found = weights_after_each(keras_fit, ours, ours, keras_fit)
        for value, wanted in zip(found, expected, strict=True):
            np.testing.assert_allclose(value, wanted, atol=1e-5)


def test_recompiling_is_noticed():
    model = dense(optimizer=keras.optimizers.SGD(0.0))
    options = {"batch_size": 8, "verbose": 0, "engine": "fused_epoch"}
    tftrain.fit(model, X, Y, **options)
    before = model.get_weights()
    model.compile(keras.optimizers.SGD(0.1), "mse")
    tftrain.fit(model, X, Y, **options)
    assert not np.array_equal(before[0], model.get_weights()[0])


def test_examples_are_taken_as_data():
    examples = tftrain.data.load("digits")
    keras.utils.set_random_seed(0)
    model = tftrain.models.mlp(examples.info.shape, classes=10)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = tftrain.fit(
        model, examples.train, validation=examples.validation, epochs=3, verbose=0, engine="auto"
    )
    assert history.history["val_accuracy"][-1] > 0.85


def refused(model, text, engine="fused_epoch", x=X, y=Y, **options):
    with pytest.raises(EngineError, match=text):
        tftrain.fit(model, x, y, engine=engine, verbose=0, **options)


def generator():
    while True:
        yield X[:8], Y[:8]


def test_an_engine_that_cannot_run_a_model_says_why():
    refused(dense(run_eagerly=True), "run_eagerly=True")
    refused(dense(), "GeneratorData", x=generator(), y=None, steps_per_epoch=2)
    refused(dense(), "Noted acts on every batch", "multi_step", callbacks=[Noted(True)])


def test_a_dataset_whose_shapes_vary_is_refused():
    ragged = tf.data.Dataset.from_generator(
        generator, output_signature=(tf.TensorSpec([None, None]), tf.TensorSpec([None, 1]))
    )
    refused(dense(), "which may vary", x=ragged, y=None, steps_per_epoch=2)


def test_an_unknown_engine_is_refused():
    with pytest.raises(UnknownName, match="fused_epoch"):
        tftrain.fit(dense(), X, Y, engine="fused")


def test_an_unknown_argument_is_refused():
    with pytest.raises(TypeError, match="epoch"):
        tftrain.fit(dense(), X, Y, epoch=3)


@pytest.mark.parametrize(
    ("options", "engine", "reason"),
    [
        ({"run_eagerly": True}, "keras", "run_eagerly=True"),
        ({}, "fused_epoch", "ms a step"),
    ],
)
def test_auto_says_what_it_chose_and_why(options, engine, reason, capsys):
    history = tftrain.fit(dense(**options), X, Y, verbose=0)
    assert history.engine == engine
    said = capsys.readouterr().err
    assert f"tftrain: engine {engine} (" in said
    assert reason in said


def test_auto_leaves_generators_to_keras_s_reader(capsys):
    history = tftrain.fit(dense(), generator(), steps_per_epoch=2, verbose=0)
    assert history.engine == "multi_step"
    assert "batch by batch" in capsys.readouterr().err


def test_auto_changes_nothing_but_the_engine():
    forced, _ = by("fused_epoch")
    keras.utils.set_random_seed(3)
    model = dense()
    tftrain.fit(model, X, Y, batch_size=8, epochs=3, verbose=0)
    for variable, wanted in zip(model.variables, forced, strict=True):
        np.testing.assert_array_equal(variable.numpy(), wanted)


def test_an_error_of_the_model_is_keras_s_own():
    with pytest.raises(ValueError, match=r"incompatible|expected"):
        tftrain.fit(dense(), numbers(50, 7), Y, verbose=0)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_list_of_callbacks_made_for_keras_is_taken(engine):
    expected, _ = by("keras")
    keras.utils.set_random_seed(3)
    model = dense()
    callbacks = keras.callbacks.CallbackList(add_history=True, model=model, epochs=3)
    tftrain.fit(model, X, Y, 8, 3, 0, callbacks, engine=engine)
    assert len(model.history.history["loss"]) == 3
    assert [type(each).__name__ for each in callbacks.callbacks] == ["History"]
    for variable, wanted in zip(model.variables, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), wanted, atol=1e-5)


@pytest.mark.parametrize("engine", FUSED)
def test_a_strategy_of_one_device_is_no_obstacle(engine):
    def there():
        with tf.distribute.OneDeviceStrategy("CPU:0").scope():
            return dense()

    expected, _ = by("keras")
    for value, wanted in zip(trained(there, engine)[0], expected, strict=True):
        np.testing.assert_allclose(value, wanted, atol=1e-5)


def test_large_arrays_stay_with_the_host_of_a_gpu(monkeypatch):
    from tftrain.training import array_chunks

    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: ["GPU:0"])
    assert array_chunks._home(1 << 20) is None
    assert array_chunks._home(2 << 30) == "CPU:0"
