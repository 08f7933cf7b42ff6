"""A training that is cut off anywhere, and the same script again."""

import numpy as np
import pytest

import tftrain
from tftrain.callbacks import Checkpoint, position_in
from tftrain.checkpoints import CheckpointFolder
from tftrain.errors import BadInput, CheckpointDamaged, CheckpointError
from tftrain.keras_api import keras

ENGINES = ("keras", "fused_epoch", "fused_epoch_xla")
X = np.random.default_rng(0).normal(size=(50, 6)).astype("float32")
Y = X[:, :1] * 2


class Cut(Exception):
    pass


class CutAfter(keras.callbacks.Callback):
    """Stands for the power cord; the batches before it are done in pieces of any size."""

    needs_every_batch = True

    def __init__(self, steps):
        super().__init__()
        self._steps = steps

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) >= self._steps:
            raise Cut


def make_model(seed=3, units=5, optimizer="adam"):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(units, "tanh"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(1),
        ]
    )
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def fit(folder, engine="keras", cut=None, epochs=3, others=(), model=None, **options):
    model = model or make_model()
    options = {"every_steps": 2, **options}
    callbacks = [*others, Checkpoint(folder, **options)]
    if cut is not None:
        callbacks.insert(0, CutAfter(cut))
    history = tftrain.fit(
        model, X, Y, batch_size=8, epochs=epochs, engine=engine, seed=5, verbose=0,
        validation_data=(X, Y), callbacks=callbacks,
    )  # fmt: skip
    return model, history


def assert_same(received, expected):
    (model, history), (wanted, wanted_history) = received, expected
    assert history.epoch == wanted_history.epoch
    assert history.history == wanted_history.history
    for one, other in zip(model.variables, wanted.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    for one, other in zip(model.optimizer.variables, wanted.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The training that was never cut off, by engine."""
    made = {}

    def of(engine):
        if engine not in made:
            made[engine] = fit(tmp_path_factory.mktemp("whole"), engine)
        return made[engine]

    return of


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("steps", [1, 7, 12, 19])
def test_what_was_cut_off_goes_on_bit_for_bit(tmp_path, whole, engine, steps):
    with pytest.raises(Cut):
        fit(tmp_path, engine, cut=steps)
    assert_same(fit(tmp_path, engine), whole(engine))


def test_cut_off_twice(tmp_path, whole):
    for steps in (5, 11):
        with pytest.raises(Cut):
            fit(tmp_path, cut=steps)
    assert_same(fit(tmp_path), whole("keras"))


def stoppers():
    return [
        keras.callbacks.EarlyStopping(
            "loss", patience=2, min_delta=10.0, restore_best_weights=True
        ),
        keras.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=10.0, factor=0.5),
    ]


def test_other_callbacks_go_on_where_they_were(tmp_path):
    expected = fit(tmp_path / "whole", epochs=6, others=stoppers())
    assert expected[1].epoch == [0, 1, 2]  # stopped by what it counted
    with pytest.raises(Cut):
        fit(tmp_path / "cut", epochs=6, others=stoppers(), cut=16)
    assert_same(fit(tmp_path / "cut", epochs=6, others=stoppers()), expected)


class Counting(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.seen = np.zeros(2)

    def on_epoch_end(self, epoch, logs=None):
        self.seen += 1

    def checkpoint_state(self):
        return {"seen": self.seen}

    def restore_checkpoint_state(self, state):
        self.seen = state["seen"]


def test_a_callback_of_ones_own_says_what_it_remembers(tmp_path):
    with pytest.raises(Cut):
        fit(tmp_path, others=[Counting()], cut=16)
    counting = Counting()
    fit(tmp_path, others=[counting])
    assert counting.seen.tolist() == [3.0, 3.0]


def test_a_finished_training_is_not_trained_again(tmp_path, whole):
    model, _ = fit(tmp_path)
    again, history = fit(tmp_path)
    assert int(again.optimizer.iterations) == int(model.optimizer.iterations)
    assert history.history == whole("keras")[1].history


def test_a_scaled_loss_goes_on_bit_for_bit(tmp_path):
    def scaled():
        inner = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(), initial_scale=64)
        return make_model(optimizer=inner)

    expected = fit(tmp_path / "whole", model=scaled())
    with pytest.raises(Cut):
        fit(tmp_path / "cut", model=scaled(), cut=9)
    assert_same(fit(tmp_path / "cut", model=scaled()), expected)


def test_more_epochs_go_on(tmp_path, whole):
    fit(tmp_path, epochs=1)
    assert_same(fit(tmp_path), whole("keras"))


def test_the_newest_ones_and_the_best_are_kept(tmp_path):
    _, history = fit(tmp_path, every_steps=None, keep=1, keep_best="loss", mode="max", epochs=4)
    best = int(np.argmax(history.history["loss"]))
    assert best < 3
    assert CheckpointFolder(tmp_path).numbers() == [7 * (best + 1), 28]


def test_a_damaged_one_is_told_and_the_one_before_is_used(tmp_path, whole, capsys):
    with pytest.raises(Cut):
        fit(tmp_path, cut=12, blocking=True)
    newest = sorted(tmp_path.iterdir())[-1] / "tensors.data-00000-of-00001"
    newest.write_bytes(newest.read_bytes()[:-9])
    assert_same(fit(tmp_path), whole("keras"))
    assert "the one before it is used" in capsys.readouterr().err


def test_all_damaged(tmp_path):
    fit(tmp_path, epochs=1)
    for document in tmp_path.glob("*/state.json"):
        document.write_text("{")
    with pytest.raises(CheckpointDamaged, match="no checkpoint"):
        fit(tmp_path)


OTHERS = {
    "units": ({"units": 6}, "layer 1"),
    "optimizer": ({"optimizer": "sgd"}, "optimizer: 'Adam.* here"),
    "rate": ({"optimizer": keras.optimizers.Adam(0.5)}, "optimizer"),
}


@pytest.mark.parametrize(("options", "message"), OTHERS.values(), ids=OTHERS)
def test_another_training_is_refused(tmp_path, options, message):
    fit(tmp_path, epochs=1, model=make_model(**options))
    with pytest.raises(CheckpointError, match=f"another training.*{message}"):
        fit(tmp_path)


def test_a_folder_in_use_is_refused_unless_it_is_to_be_resumed(tmp_path):
    fit(tmp_path, epochs=1)
    with pytest.raises(CheckpointError, match="give an empty folder"):
        fit(tmp_path, resume=False)


def test_what_cannot_be_saved(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotADirectoryError):
        fit(tmp_path / "file" / "folder", epochs=1)
    _, history = fit(tmp_path / "file" / "folder", epochs=1, on_save_error="warn")
    assert history.epoch == [0]
    assert "is not saved, the training goes on" in capsys.readouterr().err


def test_the_position_is_told(tmp_path):
    assert position_in(tmp_path) == (0, 0)
    fit(tmp_path, epochs=2)
    assert position_in(tmp_path) == (2, 0)


@pytest.mark.parametrize("options", [{"keep": 0}, {"every_steps": 0}, {"mode": "best"}])
def test_bad_settings_are_refused(tmp_path, options):
    with pytest.raises(BadInput, match="expected"):
        Checkpoint(tmp_path, **options)


def test_a_metric_that_is_not_logged(tmp_path):
    with pytest.raises(BadInput, match="keep_best is 'accuracy'; the logs have loss"):
        fit(tmp_path, keep_best="accuracy")
