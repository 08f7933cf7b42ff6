"""Real NaNs in real trainings: a bad batch leaves no trace, and what is done about it is told."""

import contextlib
import json
import math
import subprocess
from pathlib import Path

import numpy as np
import pytest

import tftrain
from tests import launched_job, warm_python
from tftrain.callbacks import Checkpoint, GradientClipping, GradientStatistics, NanGuard
from tftrain.errors import BadInput, BadTrainingStep, CallbackError, TooManyBadSteps, UnknownName
from tftrain.keras_api import keras
from tftrain.training.optimization import GUARDS

ENGINES = ("keras", "multi_step", "fused_epoch", "fused_epoch_xla")
ROWS, BATCH = 48, 4
X = np.random.default_rng(0).normal(size=(ROWS, 3)).astype("float32")
Y = np.random.default_rng(1).integers(0, 3, ROWS)
BAD = X.copy()
BAD[9, 1] = np.nan  # in batch 2
BAD[41, 0] = np.inf  # in batch 10
GOOD_ROWS = np.r_[0:8, 12:40, 44:48]


def adam():
    return keras.optimizers.Adam(0.01)


def with_everything():
    return keras.optimizers.SGD(
        0.1,
        momentum=0.9,
        gradient_accumulation_steps=2,
        use_ema=True,
        ema_overwrite_frequency=2,
        weight_decay=0.01,
    )


OPTIMIZERS = dict.fromkeys(ENGINES, adam) | {"fused_epoch": with_everything}


def compiled(optimizer=adam, name="net", extra=(), **options):
    keras.utils.set_random_seed(1)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(4, "tanh", name="a"),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.3, name="drop"),
            *extra,
            layers.Dense(3, name="b"),
        ],
        name=name,
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer(), loss, metrics=["accuracy"], **options)
    return model


def fit(model, x, *callbacks, y=Y, engine="keras", epochs=1):
    return tftrain.fit(
        model,
        x,
        y,
        batch_size=BATCH,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        engine=engine,
        callbacks=list(callbacks),
    )


def state(model):
    return [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]


def assert_same(first, second):
    for one, other in zip(state(first), state(second), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def trained():
    """By engine: with two bad batches, and with data that do not have them."""
    found = {}
    for engine in ENGINES:
        optimizer = OPTIMIZERS[engine]
        guard, bad, good = NanGuard(), compiled(optimizer), compiled(optimizer)
        history = fit(bad, BAD, guard, engine=engine)
        clean = fit(good, X[GOOD_ROWS], NanGuard(), y=Y[GOOD_ROWS], engine=engine)
        found[engine] = bad, good, guard, history, clean
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_a_skipped_step_leaves_every_variable_as_if_the_batch_were_not_there(trained, engine):
    bad, good, _, history, _ = trained[engine]
    assert history.engine == engine
    assert int(bad.optimizer._iterations) == 10  # of twelve batches
    assert_same(bad, good)


@pytest.mark.parametrize("engine", ENGINES)
def test_logs_are_those_of_the_good_steps(trained, engine):
    *_, history, clean = trained[engine]
    assert history.history == clean.history


@pytest.mark.parametrize("engine", ENGINES)
def test_bad_steps_are_told_with_batch_and_variable(trained, engine):
    events = trained[engine][2].events
    assert [(event.step, event.epoch, event.batch) for event in events] == [(3, 1, 2), (10, 1, 10)]
    assert {event.variable for event in events} == {"net/a/kernel"}
    assert all(not math.isfinite(event.value) and event.action == "skip" for event in events)


def test_good_steps_are_those_without_a_guard(trained):
    plain = compiled(OPTIMIZERS["fused_epoch"])
    fit(plain, X[GOOD_ROWS], y=Y[GOOD_ROWS], engine="fused_epoch")
    for one, other in zip(state(plain), state(trained["fused_epoch"][1]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_model_and_optimizer_are_left_as_they_were(trained):
    model = trained["keras"][0]
    assert not {"train_step", "compute_loss"} & set(model.__dict__)
    assert "apply" not in model.optimizer.__dict__
    fit(model, BAD)  # without a guard now
    assert np.isnan(model.get_weights()[0]).any()


class NoFiniteSlope(keras.layers.Layer):
    """Adds the root of a weight that is zero."""

    def build(self, shape):
        self.weight = self.add_weight(shape=(), initializer="zeros", name="weight")

    def call(self, x):
        return x + keras.ops.sqrt(self.weight)


def test_stop_names_step_batch_and_the_one_wrong_variable():
    model = compiled(extra=[NoFiniteSlope(name="root")], run_eagerly=True)
    before = model.get_weights()
    with pytest.raises(BadTrainingStep) as caught:
        fit(model, X[:BATCH], NanGuard("stop"), y=Y[:BATCH])
    error = caught.value
    assert (error.step, error.epoch, error.batch) == (1, 1, 0)
    assert error.variable == "net/root/weight"
    assert str(error).startswith(
        "the gradient of 'net/root/weight' is -inf at step 1 (epoch 1, batch 0): "
    )
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert "train_step" not in model.__dict__  # also where an error ended the training


@pytest.mark.parametrize("engine", ["keras", "fused_epoch_xla"])
def test_a_spike_is_told_by_the_median_of_the_last_losses(engine):
    x = np.ones((60 * BATCH, 3), "float32")
    y = np.full((60 * BATCH, 1), 2.0, "float32")
    y[4 * BATCH : 5 * BATCH] = 1e4  # too early to tell
    y[40 * BATCH : 41 * BATCH] = 50.0
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    guard = NanGuard(spike=5.0)
    fit(model, x, guard, y=y, engine=engine)
    (event,) = guard.events
    assert (event.batch, event.check, event.variable) == (40, "spike", None)
    normal = float(model.evaluate(x[:4], y[:4], verbose=0))
    assert event.bound == pytest.approx(5 * normal, rel=1e-4)
    assert event.value > event.bound


def test_more_than_so_many_end_the_training():
    with pytest.raises(TooManyBadSteps, match=r"one more than the 1 bad steps allowed"):
        fit(compiled(), BAD, NanGuard(at_most=1), epochs=2)


def test_lines_are_few_and_the_file_has_all(tmp_path, capfd):
    x = X.copy()
    x[8:] = np.nan  # ten of twelve batches
    guard = NanGuard(path=tmp_path / "bad.jsonl")
    fit(compiled(), x, guard, engine="fused_epoch")
    told = [line for line in capfd.readouterr().err.splitlines() if "bad step" in line]
    assert len(told) == 6
    assert told[-1] == "tftrain: 5 more bad steps in epoch 1"
    lines = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_text().splitlines()]
    assert [line["batch"] for line in lines] == list(range(2, 12))
    assert lines[0]["value"] == "nan"
    assert guard.bad_steps == 10


def test_rolls_back_to_the_newest_checkpoint_and_lowers_the_rate(tmp_path, capfd):
    model, seen = compiled(), []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append([variable.numpy() for variable in self.model.trainable_variables])

    guard = NanGuard("roll_back", rate_factor=0.25)
    x = np.where(np.arange(ROWS)[:, None] < ROWS - 1, X, np.nan)  # in the last batch
    fit(model, x, guard, Watch(), Checkpoint(tmp_path), epochs=2)
    assert [(event.batch, event.action) for event in guard.events] == [(11, "roll_back")] * 2
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01 / 16)
    assert "back to step 0; the learning rate is now 0.0025" in capfd.readouterr().err
    initial = [variable.numpy() for variable in compiled().trainable_variables]
    for first, *others in zip(initial, *seen, strict=True):  # epoch 1 was saved as it ended
        for other in others:
            np.testing.assert_array_equal(first, other)


def test_an_exploding_rate_is_cured_by_lower_ones(tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(30.0), "mse")
    x, y = np.tile(X, (8, 1)), np.tile(X.sum(axis=1, keepdims=True), (8, 1))
    guard = NanGuard("roll_back", spike=20.0, rate_factor=0.02)
    history = fit(model, x, guard, Checkpoint(tmp_path), y=y, epochs=6).history["loss"]
    assert guard.events
    assert np.isfinite(history).all()
    assert float(model.optimizer.learning_rate) < 30
    assert np.isfinite(model.get_weights()[0]).all()


def test_what_it_knows_outlives_the_process(tmp_path):
    first, file = NanGuard(spike=9.0, path=tmp_path / "bad.jsonl"), tmp_path / "bad.jsonl"
    fit(compiled(), BAD, first, Checkpoint(tmp_path / "saved"))
    file.write_text(file.read_text() + "of a later step, that a crash has undone\n")
    second = NanGuard(spike=9.0, path=file)
    fit(compiled(), BAD, second, Checkpoint(tmp_path / "saved"), epochs=2)
    assert [event.epoch for event in second.events] == [1, 1, 2, 2]
    assert second.bad_steps == 4
    assert [json.loads(line)["epoch"] for line in file.read_text().splitlines()] == [1, 1, 2, 2]


def test_loss_scaling_does_its_own_skipping():
    def scaled():
        return keras.optimizers.LossScaleOptimizer(
            keras.optimizers.SGD(0.1), initial_scale=2.0**127
        )

    keras.config.set_dtype_policy("mixed_float16")
    try:
        plain, guarded = compiled(scaled), compiled(scaled)
        guard = NanGuard()
        fit(plain, X)
        fit(guarded, X, guard)
        assert guard.events == []
        assert float(guarded.optimizer.dynamic_scale) < 2.0**120
        assert_same(plain, guarded)
        x = X.copy()
        x[9] = 1e6  # beyond float16: the loss is not finite, which no scale helps
        fit(guarded, x, guard)
        assert [(event.batch, event.check) for event in guard.events] == [(2, "loss")]
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("engine", ["keras", "fused_epoch_xla"])
def test_other_callbacks_see_the_good_steps(engine):
    clipping = GradientClipping("global_norm", 0.1)
    statistics = GradientStatistics(stop=False)
    history = fit(compiled(), BAD, NanGuard(), clipping, statistics, engine=engine).history
    assert np.isfinite(history["gradient_norm"]).all()
    assert max(history["gradient_norm_max"]) <= 0.1001


class TwoUpdates(keras.Sequential):
    def train_step(self, data):
        super().train_step(data)
        return super().train_step(data)


def test_says_at_once_what_it_cannot_do(tmp_path):
    with pytest.raises(UnknownName, match="unknown action 'skp'; did you mean 'skip'"):
        NanGuard("skp")
    with pytest.raises(BadInput, match="spike is 1; expected a factor above 1"):
        NanGuard(spike=1)
    with pytest.raises(BadInput, match="rate_factor 0"):
        NanGuard(rate_factor=0)
    for callbacks, match in (
        ([NanGuard("roll_back")], "no tftrain.callbacks.Checkpoint among the callbacks"),
        ([NanGuard(), NanGuard()], "two NanGuard callbacks"),
    ):
        with pytest.raises(CallbackError, match=match):
            fit(compiled(), X, *callbacks)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    with pytest.raises(CallbackError, match="the optimizer follows a schedule"):
        fit(
            compiled(lambda: keras.optimizers.SGD(schedule)),
            X,
            NanGuard("roll_back"),
            Checkpoint(tmp_path),
        )
    model = TwoUpdates([keras.Input((3,)), keras.layers.Dense(3)])
    model.compile("sgd", "mse", run_eagerly=True)
    with pytest.raises(CallbackError, match="cannot undo a step that updates twice"):
        fit(model, X, NanGuard(), y=X)


JOB = Path(__file__).parent / "jobs" / "nan_guard.py"
SKIPPED = "batches [1, 3], differing [], logs equal True"


def test_replicas_skip_a_batch_that_is_bad_on_one_of_them():
    command = warm_python.command(JOB, "mirrored")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.splitlines() == [SKIPPED]
    assert done.stderr.count("a bad step left out") == 2


@pytest.mark.slow
def test_workers_skip_a_batch_that_is_bad_on_one_of_them():
    result = launched_job.launch([str(JOB), "multiworker"])
    assert result.status == 0, result.output
    for worker in ("worker 0", "worker 1"):
        assert SKIPPED in result.lines_of(worker)
    assert result.output.count("a bad step left out") == 2  # the chief tells it


def test_the_flag_knows_the_actions():
    for action in GUARDS:
        assert NanGuard(action).action == action
    with contextlib.suppress(UnknownName):
        NanGuard("none")
        raise AssertionError
