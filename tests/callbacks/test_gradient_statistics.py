import numpy as np
import pytest

import tftrain
from tftrain import training
from tftrain.callbacks import GradientClipping, GradientStatistics
from tftrain.errors import BadInput, NotFiniteGradient
from tftrain.keras_api import keras

X = np.linspace(-1, 1, 24, dtype=np.float32).reshape(12, 2)
Y = X.sum(axis=1, keepdims=True)


def compiled(optimizer="sgd", policy="float32"):
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Dense(3, name="a", dtype=policy),
        keras.layers.Dense(1, name="b", dtype=policy),
    ]
    model = keras.Sequential([keras.Input((2,)), *layers], name="net")
    model.compile(optimizer, "mse")
    return model


def fit(model, *callbacks, x=X, epochs=2):
    return model.fit(
        x, Y, batch_size=4, epochs=epochs, shuffle=False, verbose=0, callbacks=list(callbacks)
    ).history


def test_norms_are_those_of_the_variables():
    history = fit(compiled(), GradientStatistics(per_variable=True))
    for epoch in range(2):
        parts = [history[key][epoch] for key in history if key.startswith("gradient_norm/net/")]
        assert len(parts) == 4
        mean, largest = history["gradient_norm_mean"][epoch], history["gradient_norm_max"][epoch]
        assert max(parts) < mean <= largest


def test_it_sees_what_the_callbacks_before_it_leave():
    before, after = GradientStatistics(), GradientStatistics()
    limit = GradientClipping("global_norm", 0.01)
    assert fit(compiled(), limit, after)["gradient_norm_max"] == pytest.approx([0.01] * 2)
    assert min(fit(compiled(), before, limit)["gradient_norm_max"]) > 0.1


def test_measuring_changes_nothing():
    plain, measured = compiled(), compiled()
    fit(plain)
    fit(measured, GradientStatistics())
    for first, second in zip(plain.get_weights(), measured.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_gradient_that_is_no_number_is_named_with_its_step():
    x = X.copy()
    x[8] = np.nan  # in the third batch
    with pytest.raises(NotFiniteGradient, match=r"'net/b/bias' and of 3 other .* at step 3: lower"):
        fit(compiled(), GradientStatistics(), x=x)


def test_the_first_of_every_so_many_updates_is_measured():
    first = fit(compiled(), GradientStatistics(stop=False, every=3), epochs=1)
    assert first["gradient_norm_mean"] == first["gradient_norm_max"]
    second = fit(compiled(), GradientStatistics(stop=False, every=2, per_variable=True), epochs=1)
    alone = compiled().fit(
        X[:4], Y[:4], batch_size=4, verbose=0, callbacks=[GradientStatistics(stop=False)]
    )
    assert alone.history["gradient_norm_mean"] == pytest.approx(first["gradient_norm_mean"])
    assert second["gradient_norm_mean"] != first["gradient_norm_mean"]
    assert "gradient_norm/net/b/bias" in second


@pytest.mark.parametrize("engine", ["multi_step", "fused_epoch", "fused_epoch_xla"])
def test_every_engine_measures_the_same(engine):
    keras_own = fit(compiled(), GradientStatistics(stop=False, every=2))
    options = {"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0, "engine": engine}
    measured = GradientStatistics(stop=False, every=2)
    history = tftrain.fit(compiled(), X, Y, callbacks=[measured], **options).history
    for name in ("gradient_norm_mean", "gradient_norm_max"):
        assert history[name] == pytest.approx(keras_own[name], rel=1e-5)


def test_accumulated_gradients_are_counted_by_updates():
    optimizer = keras.optimizers.SGD(0.01, gradient_accumulation_steps=2)
    history = fit(compiled(optimizer), GradientStatistics(stop=False, every=2), epochs=4)
    assert all(norm > 0 for norm in history["gradient_norm_mean"])


def test_what_is_not_finite_is_found_between_the_measured():
    x = X.copy()
    x[4] = np.nan  # in the second batch
    with pytest.raises(NotFiniteGradient, match="at step 2"):
        fit(compiled(), GradientStatistics(every=3), x=x)


def test_it_measures_some_at_least():
    with pytest.raises(BadInput, match="every is 0; expected 1 or more"):
        GradientStatistics(every=0)


class Root(keras.layers.Layer):
    """Adds the square root of a weight, whose slope is infinite at 0."""

    def build(self, shape):
        self.weight = self.add_weight(shape=(), initializer="zeros", name="weight")

    def call(self, x):
        return x + keras.ops.sqrt(self.weight)


def test_the_one_variable_that_is_wrong_is_named():
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(1), Root(name="root")], name="net"
    )
    model.compile("sgd", "mse")
    with pytest.raises(NotFiniteGradient) as caught:
        fit(model, GradientStatistics())
    assert caught.value.variables == ("net/root/weight",)
    assert str(caught.value).startswith(
        "the gradient of 'net/root/weight' is not finite at step 1:"
    )


def test_a_large_but_finite_gradient_is_no_error():
    fit(compiled(keras.optimizers.SGD(1e-38)), GradientStatistics(), x=X * 1e12, epochs=1)


def test_it_can_go_on():
    x = X.copy()
    x[8] = np.nan
    history = fit(compiled(), GradientStatistics(stop=False), x=x)
    assert np.isnan(history["gradient_norm_mean"][1])


def test_a_skipped_step_under_float16_is_no_error_and_endless_skipping_is():
    optimizer = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.1), initial_scale=2.0**127
    )
    fit(compiled(optimizer, "mixed_float16"), GradientStatistics(), epochs=40)
    assert int(optimizer.inner_optimizer.iterations) < 120  # some were skipped
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=4)
    with pytest.raises(NotFiniteGradient, match="'net/b/bias' and of 3 other variables"):
        fit(compiled(optimizer, "mixed_float16"), GradientStatistics(), x=X * np.nan)


class NormsOfEpochs(keras.callbacks.Callback):
    """The variables that are measured in each epoch."""

    def on_train_begin(self, logs=None):
        self.names = []

    def on_epoch_end(self, epoch, logs=None):
        self.names.append({name for name in logs if name.startswith("gradient_norm/")})


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_layers_that_thaw_are_measured_from_then_on(policy):
    model = compiled(policy=policy)
    seen = NormsOfEpochs()
    training.finetune(
        model, (X, Y), freeze="a", unfreeze_schedule={1: "*"}, epochs=2, batch_size=4, verbose=0,
        engine="keras", loss="mse", callbacks=[GradientStatistics(per_variable=True), seen],
    )  # fmt: skip
    first, second = seen.names
    assert first == {"gradient_norm/net/b/kernel", "gradient_norm/net/b/bias"}
    assert second == first | {"gradient_norm/net/a/kernel", "gradient_norm/net/a/bias"}
