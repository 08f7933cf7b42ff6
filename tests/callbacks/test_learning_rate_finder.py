import numpy as np
import pytest

from tftrain import optim
from tftrain.callbacks import LearningRateFinder
from tftrain.errors import BadInput, CallbackError, TftrainError
from tftrain.keras_api import keras

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(64, 4)).astype("float32")
Y = X @ np.array([[1.0], [-2.0], [0.5], [3.0]], "float32")


def compiled(rate=0.1, optimizer="sgd", **options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(optim.optimizer(optimizer, rate), "mse", **options)
    return model


def search(model, finder, x=X, y=Y):
    model.fit(x, y, batch_size=16, epochs=50, verbose=0, callbacks=[finder])
    return finder.result()


def loss_at(rate):
    model = compiled(rate)
    return model.fit(X, Y, batch_size=16, epochs=3, verbose=0).history["loss"][-1]


def test_the_suggestion_trains_better_than_others():
    found = search(compiled(), LearningRateFinder())
    suggested, low, high = (loss_at(found.suggestion * factor) for factor in (1, 0.01, 100))
    assert suggested < 0.5 * low
    assert not high < suggested  # it may be NaN


def test_it_stops_when_the_loss_diverges():
    found = search(compiled(), LearningRateFinder(highest=1e6))
    assert found.rates[-1] < 1e3
    assert np.isfinite(found.losses).all()


@pytest.mark.parametrize("epochs", [0, 1])
def test_nothing_is_trained(epochs):
    model = compiled(optimizer="adam")
    model.optimizer.build(model.trainable_variables)
    model.fit(X, Y, epochs=epochs, verbose=0)
    state = [v.numpy() for v in (*model.variables, *model.optimizer.variables)]
    search(model, LearningRateFinder(20))
    after = [v.numpy() for v in (*model.variables, *model.optimizer.variables)]
    for before, now in zip(state, after, strict=True):
        np.testing.assert_array_equal(now, before)


def test_a_loss_that_never_falls_has_no_suggestion():
    with pytest.raises(TftrainError, match="did not fall at any rate"):
        search(compiled(), LearningRateFinder(10, lowest=1e-9, highest=1e-8), x=X[:16], y=Y[:16])


def test_what_cannot_be_searched_is_refused():
    with pytest.raises(CallbackError, match="follows a schedule"):
        search(compiled(optim.schedule("constant", 0.1)), LearningRateFinder())
    with pytest.raises(CallbackError, match="needs steps_per_execution=1"):
        search(compiled(steps_per_execution=2), LearningRateFinder())


@pytest.mark.parametrize(
    "options", [{"steps": 9}, {"lowest": 0}, {"lowest": 20}, {"highest": np.inf}, {"smoothing": 1}]
)
def test_impossible_ranges_are_refused(options):
    with pytest.raises(BadInput, match="expected 10 steps or more"):
        LearningRateFinder(**options)
