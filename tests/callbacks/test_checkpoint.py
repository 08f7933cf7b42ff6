"""A training that is cut off anywhere, and the same script again."""

import shutil

import numpy as np
import pytest

import tftrain
from tests.callbacks.cuts import Cut, CutAfter
from tftrain.callbacks import Checkpoint, GradientStatistics, WeightAveraging, position_in
from tftrain.checkpoints import CheckpointFolder
from tftrain.errors import BadInput, CheckpointDamaged, CheckpointError
from tftrain.keras_api import keras

X = np.random.default_rng(0).normal(size=(50, 6)).astype("float32")
Y = X[:, :1] * 2


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


def fit(folder, engine="keras", cut=None, others=(), model=None, call=None, **options):
    model = model or make_model()
    callbacks = [*others, Checkpoint(folder, **{"every_steps": 2, **options})]
    if cut is not None:
        callbacks.insert(0, CutAfter(cut))
    given = {"x": X, "y": Y, "batch_size": 8, "epochs": 3, "engine": engine, "seed": 5}
    call = {**given, **(call or {})}
    history = tftrain.fit(model, verbose=0, callbacks=callbacks, **call)
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


@pytest.mark.parametrize(
    ("engine", "steps"),
    [("keras", 1), ("keras", 7), ("multi_step", 12), ("fused_epoch", 12), ("fused_epoch_xla", 9)],
)
def test_what_was_cut_off_goes_on_bit_for_bit(tmp_path, whole, engine, steps):
    with pytest.raises(Cut):
        fit(tmp_path, engine, cut=steps)
    assert_same(fit(tmp_path, engine), whole(engine))


def test_cut_off_twice_with_validation(tmp_path):
    call = {"validation_data": (X, Y)}
    expected = fit(tmp_path / "whole", call=call)
    for steps in (5, 11):
        with pytest.raises(Cut):
            fit(tmp_path / "cut", cut=steps, call=call)
    assert_same(fit(tmp_path / "cut", call=call), expected)


def stoppers():
    return [
        keras.callbacks.EarlyStopping(
            "loss", patience=2, min_delta=10.0, restore_best_weights=True
        ),
        keras.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=10.0, factor=0.5),
    ]


def test_other_callbacks_go_on_where_they_were(tmp_path):
    expected = fit(tmp_path / "whole", call={"epochs": 6}, others=stoppers())
    assert expected[1].epoch == [0, 1, 2]  # stopped by what it counted
    with pytest.raises(Cut):
        fit(tmp_path / "cut", call={"epochs": 6}, others=stoppers(), cut=16)
    assert_same(fit(tmp_path / "cut", call={"epochs": 6}, others=stoppers()), expected)


def test_averages_of_weights_go_on(tmp_path):
    def averaged():
        return {"model": make_model(optimizer=keras.optimizers.SGD(0.1, use_ema=True))}

    def mean():
        return {"others": [WeightAveraging(start=0)]}

    for number, options in enumerate((averaged, mean)):
        expected = fit(tmp_path / f"whole-{number}", **options())
        with pytest.raises(Cut):
            fit(tmp_path / f"cut-{number}", cut=16, **options())
        assert_same(fit(tmp_path / f"cut-{number}", **options()), expected)


def test_statistics_of_a_cut_epoch_are_those_of_all_of_it(tmp_path):
    def others():
        return [GradientStatistics(stop=False)]

    expected = fit(tmp_path / "whole", "fused_epoch", others=others())
    with pytest.raises(Cut):
        fit(tmp_path / "cut", "fused_epoch", others=others(), cut=12)
    assert_same(fit(tmp_path / "cut", "fused_epoch", others=others()), expected)


class Counting(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.seen = np.zeros(2)

    def on_epoch_begin(self, epoch, logs=None):
        self.batches = 0

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1

    def on_epoch_end(self, epoch, logs=None):
        self.seen += self.batches

    def checkpoint_state(self):
        return {"seen": self.seen, "batches": self.batches}

    def restore_checkpoint_state(self, state):
        self.seen, self.batches = state["seen"], state["batches"]


def test_a_callback_of_ones_own_says_what_it_remembers(tmp_path):
    with pytest.raises(Cut):
        fit(tmp_path, others=[Counting()], cut=16)
    counting = Counting()
    fit(tmp_path, others=[counting])
    assert counting.seen.tolist() == [21.0, 21.0]


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
    fit(tmp_path, call={"epochs": 1})
    assert_same(fit(tmp_path), whole("keras"))


def test_the_newest_ones_and_the_best_are_kept(tmp_path):
    _, history = fit(
        tmp_path, every_steps=None, keep=1, keep_best="loss", mode="max", call={"epochs": 4}
    )
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
    fit(tmp_path, call={"epochs": 1})
    for document in tmp_path.glob("*/state.json"):
        document.write_text("{")
    with pytest.raises(CheckpointDamaged, match="no checkpoint"):
        fit(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    fit(folder, call={"epochs": 1})
    return folder


@pytest.fixture
def checkpoint(made, tmp_path):
    """A folder with a training's first epoch."""
    return shutil.copytree(made, tmp_path / "checkpoint")


OTHERS = {
    "units": ({"units": 6}, "layer 1"),
    "optimizer": ({"optimizer": "sgd"}, "optimizer: 'SGD.* here"),
    "rate": ({"optimizer": keras.optimizers.Adam(0.5)}, "optimizer"),
}


@pytest.mark.parametrize(("options", "message"), OTHERS.values(), ids=OTHERS)
def test_another_training_is_refused(checkpoint, options, message):
    with pytest.raises(CheckpointError, match=f"another training.*{message}"):
        fit(checkpoint, model=make_model(**options))


DATA = {
    "rows": ({"x": X[:40], "y": Y[:40]}, r"data: .*40.*here"),
    "values": ({"x": X + 1}, "data: .*checksum"),
    "batch": ({"batch_size": 16}, "batch size: '16' here, '8' there"),
    "seed": ({"seed": 6}, "shuffled by seed 6' here, 'shuffled by seed 5' there"),
    "order": ({"shuffle": False}, "as given' here"),
}


@pytest.mark.parametrize(("call", "message"), DATA.values(), ids=DATA)
def test_other_data_are_refused(checkpoint, call, message):
    with pytest.raises(CheckpointError, match=message):
        fit(checkpoint, call=call)


def test_it_goes_on_by_force_with_other_data(tmp_path, capsys):
    with pytest.raises(Cut):
        fit(tmp_path, cut=10)
    _, history = fit(tmp_path, resume="force", call={"batch_size": 16})
    assert history.epoch == [0, 1, 2]
    assert "in spite of differences: batches an epoch" in capsys.readouterr().err


def test_a_checkpoint_that_does_not_say_what_the_data_held_is_gone_on_with(tmp_path):
    class Contents(keras.callbacks.Callback):
        def checkpoint_identity(self):
            return {"contents of the data": "these"}

    fit(tmp_path, call={"epochs": 1})
    assert fit(tmp_path, others=[Contents()])[1].epoch == [0, 1, 2]


def test_by_force_with_another_optimizer_the_weights_are_kept(checkpoint, capsys):
    model = make_model(optimizer="sgd", seed=8)
    fit(checkpoint, model=model, resume="force", call={"epochs": 1})
    assert int(model.optimizer.iterations) == 7
    assert "optimizer: 'SGD" in capsys.readouterr().err


def test_force_cannot_make_weights_fit(checkpoint):
    with pytest.raises(CheckpointError, match=r"model/0: \(6, 9\) here, \(6, 5\) there"):
        fit(checkpoint, model=make_model(units=9), resume="force")


def test_fit_says_whether_to_resume(checkpoint):
    with pytest.raises(CheckpointError, match="give an empty folder"):
        fit(checkpoint, call={"resume": False})
    with pytest.raises(BadInput, match="no callback keeps checkpoints"):
        tftrain.fit(make_model(), X, Y, resume=True)
    with pytest.raises(BadInput, match="resume is 'yes'; expected one of True, False, 'force'"):
        fit(checkpoint, call={"resume": "yes"})


def test_an_empty_folder_is_a_beginning(tmp_path, whole):
    assert_same(fit(tmp_path, call={"resume": True}), whole("keras"))


def test_a_seed_that_was_drawn_is_kept(tmp_path):
    call = {"seed": None, "engine": "fused_epoch"}
    np.random.seed(1)
    expected = fit(tmp_path / "whole", call=call)
    np.random.seed(1)
    with pytest.raises(Cut):
        fit(tmp_path / "cut", call=call, cut=9, model=make_model())
    np.random.seed(2)
    assert_same(fit(tmp_path / "cut", call=call), expected)


def test_the_engine_is_the_one_before(tmp_path):
    fit(tmp_path, "multi_step", call={"epochs": 1})
    assert fit(tmp_path, "auto")[1].engine == "multi_step"


def test_nothing_begins_within_an_execution(tmp_path):
    with pytest.raises(Cut):
        fit(tmp_path, cut=4, every_steps=3)
    model = make_model()
    model.steps_per_execution = 2
    with pytest.raises(CheckpointError, match="before batch 3 of epoch 1, but steps are now taken"):
        fit(tmp_path, model=model)


def test_a_stopped_training_stays_stopped(tmp_path):
    _, expected = fit(tmp_path, call={"epochs": 6}, others=stoppers())
    _, history = fit(tmp_path, call={"epochs": 6}, others=stoppers())
    assert history.history == expected.history


class AtBatch(keras.callbacks.Callback):
    """Calls something once, after a number of steps."""

    needs_every_batch = True

    def __init__(self, steps, act):
        super().__init__()
        self._steps, self._act = steps, act

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == self._steps:
            self._act()


def fit_with(checkpoint, *acts):
    callbacks = [checkpoint, *acts]
    model = make_model()
    tftrain.fit(model, X, Y, batch_size=8, engine="keras", seed=5, verbose=0, callbacks=callbacks)
    return model


def test_it_saves_when_told(tmp_path):
    checkpoint, found = Checkpoint(tmp_path), []

    def act():
        checkpoint.save_now()
        found.extend(CheckpointFolder(tmp_path).numbers())

    fit_with(checkpoint, AtBatch(3, act))
    assert found == [3]


def test_rolled_back_to_the_last_one(tmp_path):
    checkpoint, states = Checkpoint(tmp_path), []

    def state():
        model = checkpoint.model
        return [v.numpy() for v in (*model.weights, *model.optimizer.variables[2:])]

    def note():
        checkpoint.save_now()
        states.append(state())

    def back():
        assert checkpoint.roll_back() == 2
        states.append(state())

    model = fit_with(checkpoint, AtBatch(2, note), AtBatch(5, back))
    for before, after in zip(*states, strict=True):
        np.testing.assert_array_equal(before, after)
    assert int(model.optimizer.iterations) == 7


def test_nothing_to_roll_back_to(tmp_path):
    checkpoint, found = Checkpoint(tmp_path), []
    fit_with(checkpoint, AtBatch(2, lambda: found.append(checkpoint.roll_back())))
    assert found == [None]


def test_two_trainings_in_one_folder(tmp_path):
    checkpoint = Checkpoint(tmp_path)

    def second():
        with pytest.raises(CheckpointError, match="another process is writing"):
            fit(tmp_path)

    fit_with(checkpoint, AtBatch(2, second))
    fit(tmp_path, resume="force")  # it is free again


def test_a_folder_in_use_is_refused_unless_it_is_to_be_resumed(tmp_path):
    fit(tmp_path, call={"epochs": 1})
    with pytest.raises(CheckpointError, match="give an empty folder"):
        fit(tmp_path, resume=False)


def test_what_cannot_be_saved(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotADirectoryError):
        fit(tmp_path / "file" / "folder", call={"epochs": 1})
    _, history = fit(tmp_path / "file" / "folder", call={"epochs": 1}, on_save_error="warn")
    assert history.epoch == [0]
    assert "is not saved, the training goes on" in capsys.readouterr().err


def test_the_position_is_told(tmp_path):
    assert position_in(tmp_path) == (0, 0)
    fit(tmp_path, call={"epochs": 2})
    assert position_in(tmp_path) == (2, 0)


@pytest.mark.parametrize("options", [{"keep": 0}, {"every_steps": 0}, {"mode": "best"}])
def test_bad_settings_are_refused(tmp_path, options):
    with pytest.raises(BadInput, match="expected"):
        Checkpoint(tmp_path, **options)


def test_a_metric_that_is_not_logged(tmp_path):
    with pytest.raises(BadInput, match="keep_best is 'accuracy'; the logs have loss"):
        fit(tmp_path, keep_best="accuracy")


def test_the_next_fit_is_that_of_a_training_that_was_never_cut_off(tmp_path):
    """It begins at its own first epoch, and draws the order that it would have drawn."""

    def both(folder):
        call = {"seed": None, "epochs": 2}
        model, _ = fit(folder, call=call)
        history = tftrain.fit(model, X, Y, batch_size=8, epochs=2, engine="keras", verbose=0)
        return model, history

    expected = both(tmp_path / "whole")
    with pytest.raises(Cut):
        fit(tmp_path / "cut", call={"seed": None, "epochs": 2}, cut=9)
    assert_same(both(tmp_path / "cut"), expected)
