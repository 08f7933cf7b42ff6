"""A crash in mid-epoch, then the same script again: the result of a run that never crashed."""

import numpy as np
import pytest

from tftrain.distribute import keras_bridge
from tftrain.distribute.keras_bridge import wrapping
from tftrain.keras_api import keras, tf

BATCHES, EPOCHS = 10, 3
X = np.random.default_rng(0).normal(size=(BATCHES * 4, 5)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("float32")


class Crash(Exception):
    pass


class CrashAt(keras.callbacks.Callback):
    """Stands for the power cord: raises at a point of the run."""

    def __init__(self, epoch, batch=None):
        super().__init__()
        self.point = (epoch, batch)
        self.epoch = None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.point:
            raise Crash

    def on_epoch_end(self, epoch, logs=None):
        if (epoch, None) == self.point:
            raise Crash


def make_model(**compile_options):
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(8), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    )
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"], **compile_options)
    return model


def arrays():
    return {"x": X, "y": Y, "batch_size": 4, "shuffle": False}


def endless_dataset():
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).repeat().batch(4)
    return {"x": dataset.skip(3), "steps_per_epoch": BATCHES - 3, "shuffle": False}


def generator():
    def batches():
        while True:
            for start in range(0, len(X), 4):
                yield X[start : start + 4], Y[start : start + 4]

    return {"x": batches(), "steps_per_epoch": BATCHES - 3, "shuffle": False}


def fit(folder, data=arrays, save_freq=3, crash=None, epochs=EPOCHS, **compile_options):
    model = make_model(**compile_options)
    backup = keras.callbacks.BackupAndRestore(folder, save_freq=save_freq)
    callbacks = [backup] if crash is None else [backup, crash]
    history = model.fit(**data(), epochs=epochs, verbose=0, callbacks=callbacks)
    return model, history


def fit_with_crashes(folder, crashes, **options):
    for crash in crashes:
        with pytest.raises(Crash):
            fit(folder, crash=crash, **options)
    return fit(folder, **options)


@pytest.fixture(scope="module", autouse=True)
def _repaired():
    keras_bridge.install()


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "backup")


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The run that never crashed."""
    return fit(str(tmp_path_factory.mktemp("reference") / "backup"))


def assert_equal_runs(received, expected):
    (model, history), (reference, reference_history) = received, expected
    assert int(model.optimizer.iterations) == int(reference.optimizer.iterations)
    for one, other in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    for name, values in history.history.items():
        np.testing.assert_allclose(values, reference_history.history[name][-len(values) :], 1e-6)


@pytest.mark.parametrize("data", [arrays, endless_dataset, generator])
def test_crash_in_mid_epoch(folder, tmp_path, data):
    received = fit_with_crashes(folder, [CrashAt(1, 5)], data=data)
    assert_equal_runs(received, fit(str(tmp_path / "reference"), data=data))


def test_epoch_logs_of_the_resumed_epoch_are_those_of_the_whole_epoch(folder, reference):
    _, history = fit_with_crashes(folder, [CrashAt(1, 5)])
    assert history.epoch == [1, 2]
    np.testing.assert_allclose(history.history["loss"], reference[1].history["loss"][1:], 1e-6)


def test_second_crash_in_the_resumed_epoch(folder, reference):
    received = fit_with_crashes(folder, [CrashAt(1, 5), CrashAt(1, 8)])
    assert_equal_runs(received, reference)


def test_crash_after_the_last_batch_of_an_epoch_was_saved(folder, reference):
    received = fit_with_crashes(folder, [CrashAt(1)], save_freq=5)
    assert_equal_runs(received, reference)


def test_crash_between_epochs_with_a_backup_an_epoch(folder, reference):
    received = fit_with_crashes(folder, [CrashAt(1, 5)], save_freq="epoch")
    assert_equal_runs(received, reference)


def test_steps_per_execution(folder, tmp_path):
    received = fit_with_crashes(folder, [CrashAt(1, 7)], steps_per_execution=4)
    assert_equal_runs(received, fit(str(tmp_path / "reference"), steps_per_execution=4))


def test_crash_while_the_backup_is_written_leaves_the_one_before(folder, reference, monkeypatch):
    class CrashInSave(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 4:
                monkeypatch.setattr("tftrain.atomic._sync", fail)

    def fail(path):
        raise Crash

    with pytest.raises(Crash):
        fit(folder, crash=CrashInSave())
    monkeypatch.undo()
    assert_equal_runs(fit(folder), reference)


def test_the_backup_is_removed_after_success(folder, tmp_path):
    fit(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_second_fit_starts_where_it_is_told(folder):
    model, _ = fit_with_crashes(folder, [CrashAt(1, 5)])
    assert model.fit(**arrays(), epochs=2, verbose=0).epoch == [0, 1]


def test_a_backup_that_keras_wrote_resumes_at_its_epoch(folder):
    with wrapping.suspended(), pytest.raises(Crash):
        fit(folder, crash=CrashAt(1, 5))
    _, history = fit(folder)
    assert history.epoch == [1, 2]


def test_canary_keras_trains_the_batches_before_the_crash_twice(folder):
    with wrapping.suspended():
        model, _ = fit_with_crashes(folder, [CrashAt(1, 5)])
    assert int(model.optimizer.iterations) > BATCHES * EPOCHS
