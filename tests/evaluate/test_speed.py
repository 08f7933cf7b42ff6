"""Speed by a clock that ticks once a look, so that every call takes a second."""

import itertools

import numpy as np
import pytest

from tftrain import resources
from tftrain.errors import EvaluationError
from tftrain.evaluate import inference, speed
from tftrain.keras_api import keras

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 6)).astype("float32")
Y = RANDOM.integers(0, 3, 40)


def ticking():
    ticks = itertools.count()
    return lambda: float(next(ticks))


def network():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, "relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(3, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def measured(model, x=X, **settings):
    quick = {"batches": (1, 8), "rounds": 1, "seconds": 1, "peak_flops": 1e6, "clock": ticking()}
    return speed(model, x, **{**quick, **settings})


def everything(model):
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return [variable.numpy() for variable in variables]


@pytest.fixture(scope="module")
def found():
    return measured(network(), train=(X[:10], Y[:10]))


def test_latency_and_throughput_are_by_the_clock(found):
    one, eight = found.inference
    assert (one.batch, one.median_ms, one.p95_ms, one.p99_ms) == (1, 1000, 1000, 1000)
    assert (one.examples_per_second, eight.examples_per_second) == (1, 8)
    assert one.calls == eight.calls == 3
    assert one.predict_ms == 1000
    assert (found.training.batch, found.training.examples_per_second) == (10, 10)


def test_utilization_is_operations_by_time_of_the_peak(found):
    flops = found.flops_per_example
    assert flops > 3 * 2 * (6 * 8 + 8 * 3)  # and those of biases and normalization
    assert found.utilization == found.training.utilization == pytest.approx(10 * flops / 1e6)
    assert found.inference[1].utilization == pytest.approx(8 * flops / 3 / 1e6)


def test_the_peak_is_what_products_of_matrices_attain_at_least(monkeypatch):
    """A machine that is busy when it is asked for its peak does not make a model exceed it."""
    monkeypatch.setattr(resources, "peak_flops", lambda dtype: 1.0)
    found = measured(network(), batches=(1,), peak_flops=None)
    assert found.peak_flops == 2 * 512**3  # by a clock that lets each call take a second
    assert found.inference[0].utilization < 1


def test_without_training_data_and_file_the_rest_is_measured():
    found = measured(network())
    assert found.training is found.startup is found.peak_memory_bytes is found.utilization is None
    assert found.flops_per_example is not None


def test_operations_that_loop_are_not_guessed():
    model = keras.Sequential([keras.Input((4, 2)), keras.layers.LSTM(3)])
    found = measured(model, np.zeros((2, 4, 2), "float32"), batches=(1,))
    assert found.flops_per_example is found.inference[0].utilization is None
    assert "cannot be counted" in str(found)


def test_a_measured_model_goes_on_as_if_nothing_had_happened():
    trained, alone = network(), network()
    for model in (trained, alone):
        model.fit(X, Y, batch_size=10, epochs=1, shuffle=False, verbose=0)
    before = everything(trained)
    measured(trained, train=(X[:10], Y[:10]), batches=(8,))
    for value, kept in zip(everything(trained), before, strict=True):
        np.testing.assert_array_equal(value, kept)
    for model in (trained, alone):
        model.fit(X, Y, batch_size=20, epochs=1, shuffle=False, verbose=0)
    for value, other in zip(everything(trained), everything(alone), strict=True):
        np.testing.assert_array_equal(value, other)


def test_a_model_that_was_never_trained_is_not_trained_either():
    model = network()
    weights = model.get_weights()
    measured(model, train=(X[:10], Y[:10]), batches=(8,))
    for value, kept in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(value, kept)
    assert model.optimizer.iterations.numpy() == 0
    assert all(not variable.numpy().any() for variable in model.metrics_variables)


def test_inputs_may_be_a_structure():
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    model = keras.Model({"a": a, "b": b}, keras.layers.Add()([a, b]))
    (row,) = measured(model, {"a": X, "b": X}, batches=(4,)).inference
    assert row.examples_per_second == 4


def test_the_compiled_function_answers_as_the_model_does():
    model = network()
    np.testing.assert_allclose(inference.compiled(model)(X), model(X, training=False), rtol=1e-5)


def test_too_few_examples_are_repeated():
    assert inference.rows(np.array([3, 1, 2]), 5).tolist() == [3, 1, 2, 3, 1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batches": ()}, "sizes of batches: none"),
        ({"batches": (1, 0)}, "sizes of batches: 1, 0; expected"),
        ({"rounds": 0}, "0 rounds; expected at least 1"),
        ({"x": X[:0]}, "x is empty"),
        ({"train": (X[:0], Y[:0])}, "train is empty"),
    ],
)
def test_nothing_to_measure_is_refused(settings, message):
    with pytest.raises(EvaluationError, match=message):
        measured(network(), **settings)


def test_training_needs_a_compiled_model():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
    with pytest.raises(EvaluationError, match="the model is not compiled"):
        measured(model, train=(X, Y))


def test_it_is_told_in_a_table(found):
    shown = str(found).splitlines()
    assert shown[1].split()[:3] == ["answer", "1", "1000.000"]
    assert shown[3].split()[:3] == ["train", "10", "1000.000"]
