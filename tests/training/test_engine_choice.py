"""What is chosen from what was measured, and that measuring leaves no trace."""

import json
import math

import numpy as np
import pytest

import tftrain
from tftrain.keras_api import keras, tf
from tftrain.training import engine_choice, engine_memory, fitting

FUSED, XLA = "fused_epoch", "fused_epoch_xla"
BOTH = (FUSED, XLA)


@pytest.fixture(autouse=True)
def memory(tmp_path, monkeypatch):
    """The file of measurements, of this test alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "tftrain" / "engines.json"


def chosen(steps_left, seconds, names=BOTH):
    """The choice from remembered measurements; nothing may be measured anew."""
    engine_memory.remember("key", seconds)

    def refused(*_):
        raise AssertionError("measured again")

    return engine_choice.choose(refused, refused, steps_left, "key", names)


KNOWN = {FUSED: 1e-3, XLA: 1e-4, "compilation": 2.0}


@pytest.mark.parametrize(("steps", "engine"), [(1000, FUSED), (10_000, XLA), (math.inf, XLA)])
def test_compiling_must_pay_within_the_steps_that_are_left(steps, engine):
    assert chosen(steps, KNOWN).engine == engine


def test_xla_is_not_chosen_where_its_program_is_slower():
    assert chosen(math.inf, {**KNOWN, XLA: 2e-3}).engine == FUSED


def test_xla_is_not_chosen_where_it_failed_or_is_forbidden():
    assert chosen(math.inf, {FUSED: 1e-3, XLA: math.inf}).engine == FUSED
    assert chosen(math.inf, KNOWN, names=(FUSED,)).engine == FUSED


def test_xla_is_not_tried_for_short_trainings():
    assert chosen(100, {FUSED: 1e-3}).engine == FUSED


def test_the_reason_gives_the_measurements():
    reason = chosen(math.inf, KNOWN).reason
    assert reason == "fused_epoch 1 ms a step, fused_epoch_xla 0.1 ms a step, as measured before"


def model_and_data():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(3),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model, np.ones((32, 4), "float32"), np.ones((32, 1), "float32")


def long_fit(model, x, y):
    """So many epochs that XLA is worth a trial; an engine is chosen, and nothing trained."""
    return fitting.choose(model, x, y, epochs=10**8, verbose=0)


def test_measuring_changes_no_state(memory):
    model, x, y = model_and_data()
    model.fit(x, y, verbose=0)
    variables = [*model.variables, *model.metrics_variables]
    before = [variable.numpy() for variable in variables]
    assert long_fit(model, x, y) in BOTH
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    (seconds,) = json.loads(memory.read_text()).values()
    assert set(seconds) == {*BOTH, "compilation"}
    assert all(0 < value < 60 for value in seconds.values())


def test_variables_that_keras_does_not_know_are_left_alone_too():
    counter = tf.Variable(0)

    class Counting(keras.layers.Layer):
        def call(self, x):
            counter.assign_add(1)
            return x

    model = keras.Sequential([keras.Input((4,)), Counting(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    before = int(counter)
    long_fit(model, np.ones((32, 4), "float32"), np.ones((32, 1), "float32"))
    assert int(counter) == before


def test_what_was_measured_is_remembered_for_the_same_model(memory, capsys):
    long_fit(*model_and_data())
    first = memory.read_text()
    long_fit(*model_and_data())
    assert memory.read_text() == first
    assert "as measured before" in capsys.readouterr().err


def test_another_batch_size_is_measured_anew(memory):
    model, x, y = model_and_data()
    for size in (4, 8):
        tftrain.fit(model, x, y, batch_size=size, verbose=0)
    assert len(json.loads(memory.read_text())) == 2


def test_a_damaged_memory_is_measured_over(memory):
    memory.parent.mkdir()
    memory.write_text("{")
    long_fit(*model_and_data())
    assert len(json.loads(memory.read_text())) == 1


def test_a_memory_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert long_fit(*model_and_data()) in BOTH


def test_a_model_that_xla_cannot_compile_runs_without_it(capsys):
    class Python(keras.layers.Layer):
        def call(self, x):
            out = tf.py_function(lambda value: value * 2, [x], tf.float32)
            return tf.ensure_shape(out, x.shape)

    model = keras.Sequential([keras.Input((4,)), Python(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((32, 4), "float32"), np.ones((32, 1), "float32")
    assert long_fit(model, x, y) == FUSED
    assert "XLA cannot compile it" in capsys.readouterr().err
    assert tftrain.fit(model, x, y, epochs=2, verbose=0).engine == FUSED
