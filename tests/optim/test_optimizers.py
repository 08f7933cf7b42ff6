"""One battery for every name: what a new optimizer must pass."""

import numpy as np
import pytest

from tftrain import optim
from tftrain.callbacks import Checkpoint, position_in
from tftrain.errors import BadInput, UnknownName
from tftrain.keras_api import keras, tf

RATES = {
    "adadelta": 20.0,
    "ftrl": 1.0,
    "lamb": 0.01,
    "lars": 10.0,
    "lion": 0.03,
    "schedule_free_adamw": 0.3,
}
X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
Y = X @ np.array([[1.0], [-2.0], [0.5]], "float32")
EVERY = pytest.mark.parametrize("name", optim.names())


def compiled(optimizer, seed=0):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(1)])
    model.compile(optimizer, "mse")
    return model


def fit(model, *callbacks, first=0, epochs=2):
    model.fit(
        X, Y, batch_size=8, shuffle=False, verbose=0, callbacks=list(callbacks),
        initial_epoch=first, epochs=epochs,
    )  # fmt: skip
    return model.get_weights()


class Trained:
    """An optimizer's model after two epochs, saved in two ways, and after four."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        model = compiled(self.make())
        fit(model, Checkpoint(folder / "checkpoints"))
        model.save(folder / "model.keras")
        self.config = model.optimizer.get_config()
        self.weights = fit(model, first=2, epochs=4)

    def make(self):
        return optim.optimizer(self.name, 0.01, weight_decay=0.1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    done = {}

    def of(name):
        if name not in done:
            done[name] = Trained(name, tmp_path_factory.mktemp(name))
        return done[name]

    return of


@EVERY
def test_converges_on_a_convex_problem(name):
    optimizer = optim.optimizer(name, RATES.get(name, 0.1))
    weights = keras.Variable([[0.5], [0.5], [0.5]])
    optimizer.build([weights])

    @tf.function
    def steps(count):
        for _ in tf.range(count):
            error = tf.matmul(X, weights.value) - Y
            optimizer.apply([tf.matmul(X, error, transpose_a=True) / 16])
        return tf.reduce_mean(tf.square(tf.matmul(X, weights.value) - Y))

    before = float(steps(0))
    assert float(steps(300)) < 0.02 * before


@EVERY
def test_goes_on_from_a_checkpoint_as_if_never_stopped(name, trained):
    whole = trained(name)
    model = compiled(whole.make(), seed=1)
    assert position_in(whole.folder / "checkpoints") == (2, 0)
    weights = fit(model, Checkpoint(whole.folder / "checkpoints"), epochs=4)
    for expected, actual in zip(whole.weights, weights, strict=True):
        np.testing.assert_array_equal(actual, expected)


@EVERY
def test_goes_on_from_a_saved_model_as_if_never_stopped(name, trained):
    whole = trained(name)
    model = keras.saving.load_model(whole.folder / "model.keras")
    assert model.optimizer.get_config() == whole.config
    for expected, actual in zip(whole.weights, fit(model, first=2, epochs=4), strict=True):
        np.testing.assert_array_equal(actual, expected)


@EVERY
def test_the_configuration_makes_the_same_optimizer(name):
    made = optim.optimizer(name, 0.25, weight_decay=0.1, accumulate=2, ema=0.9)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(made))
    assert type(again) is type(made)
    assert again.get_config() == made.get_config()
    assert made.get_config()["learning_rate"] == 0.25


@EVERY
def test_takes_a_schedule(name):
    rate = optim.schedule("linear", 0.5, total_steps=10)
    assert float(optim.optimizer(name, rate).learning_rate) == 0.5


@EVERY
def test_no_rate_takes_the_default_one(name):
    assert float(optim.optimizer(name).learning_rate) == pytest.approx(optim.default_rate(name))


@pytest.mark.parametrize("name", optim.names())
def test_pixels_and_units_without_a_gradient_do_no_harm(name):
    gradient = np.zeros((3, 4), "float32")
    gradient[1:, 1:] = 0.5
    weights = keras.Variable(np.ones((3, 4), "float32"))
    optim.optimizer(name).apply([keras.ops.convert_to_tensor(gradient)], [weights])
    assert np.isfinite(keras.ops.convert_to_numpy(weights)).all()


def test_keras_s_own_class_where_nothing_needs_ours():
    assert type(optim.optimizer("adam", 0.1)) is keras.optimizers.Adam


def test_names_are_those_that_run_on_the_installed_keras():
    assert ("muon" in optim.names()) == (keras.version() >= "3.13")
    has = hasattr(keras.optimizers, "ScheduleFreeAdamW")
    assert has == ("schedule_free_adamw" in optim.names())


def test_options_reach_the_optimizer():
    made = optim.optimizer("sgd", 1, momentum=0.9, nesterov=True)
    assert (made.momentum, made.nesterov) == (0.9, True)


def test_the_average_counts_updates_not_accumulated_batches():
    weights = keras.Variable([[8.0]])
    optimizer = optim.optimizer("sgd", 1.0, accumulate=4, ema=0.5)
    optimizer.build([weights])
    for _ in range(11):  # updates at the 4th and the 8th batch, each averaged over four batches
        optimizer.apply([tf.constant([[1.0]])])
    (average,) = optimizer._model_variables_moving_average
    assert float(weights.numpy().squeeze()) == 6
    assert float(average.numpy().squeeze()) == pytest.approx(0.5 * 7 + 0.5 * 6)


@pytest.mark.parametrize("name", ["adam", "sgd", "lars"])
def test_accumulated_batches_equal_the_large_one_to_a_hundred_thousandth(name):
    rows = [np.concatenate([X] * 2), np.concatenate([Y] * 2)]
    weights = []
    for k, size in ((None, 32), (4, 8)):
        model = compiled(optim.optimizer(name, 0.05, accumulate=k))
        model.fit(*rows, batch_size=size, epochs=10, shuffle=False, verbose=0)
        weights.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    np.testing.assert_allclose(weights[1], weights[0], atol=1e-5)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_rates_that_are_not_positive_are_refused(rate):
    with pytest.raises(BadInput, match="expected a positive number"):
        optim.optimizer("adam", rate)


def test_unknown_optimizer_suggests_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'adam'"):
        optim.optimizer("adm")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("adam", {"momentum": 0.9}, "adam has none: choose one of lars"),
        ("gd", {"momentum": 0.9}, "gd has none"),
        ("gd", {"nesterov": True}, "gd has no option 'nesterov'"),
        ("sgd", {"momentum": 1.0}, "expected at least 0 and less than 1"),
        ("sgd", {"momentun": 0.9}, "did you mean 'momentum'"),
        ("sgd", {"weight_decay": -0.1}, "weight_decay is -0.1; expected 0 or a positive"),
        ("sgd", {"accumulate": 0}, "accumulate is 0; expected batches an update"),
        ("sgd", {"ema": 1.0}, "ema is 1.0; expected the share kept"),
    ],
)
def test_options_out_of_place_are_refused(name, options, message):
    with pytest.raises(BadInput, match=message):
        optim.optimizer(name, 0.1, **options)
