"""What a disk can do to a training that saves its state."""

import contextlib
import functools
import os
import resource
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest

import tftrain
from tftrain.callbacks import Checkpoint
from tftrain.checkpoints import CheckpointFolder, storage
from tftrain.keras_api import keras

X = np.random.default_rng(0).normal(size=(40, 6)).astype("float32")


class AtBatch(keras.callbacks.Callback):
    needs_every_batch = True

    def __init__(self, batch, act):
        super().__init__()
        self._batch, self._act = batch, act

    def on_train_batch_end(self, batch, logs=None):
        if batch == self._batch:
            self._act()


@pytest.fixture(scope="module")
def model():
    made = keras.Sequential([keras.Input((6,)), keras.layers.Dense(300), keras.layers.Dense(1)])
    made.compile("adam", "mse")
    return made


def fit(model, folder, batch, act, **options):
    """Ten steps with a checkpoint after each; something happens at the end of one of them."""
    checkpoint = Checkpoint(folder, every_steps=1, resume="force", **options)
    history = tftrain.fit(
        model, X, X[:, :1], batch_size=4, verbose=0, engine="keras", seed=1,
        callbacks=[AtBatch(batch, act), checkpoint],
    )  # fmt: skip
    return history


@contextlib.contextmanager
def full_disk(size=4096):
    """Files of this process cannot grow beyond so many bytes: writing fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    limits = contextlib.ExitStack()

    def fill():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        limits.callback(resource.setrlimit, resource.RLIMIT_FSIZE, before)

    with limits:
        yield fill


def whole_ones(folder):
    checkpoints = CheckpointFolder(folder)
    return [checkpoints.read(number).number for number in checkpoints.numbers()]


def test_a_disk_that_gets_full_ends_the_training_with_the_last_good_one_intact(model, tmp_path):
    with full_disk() as fill, pytest.raises(OSError, match="cannot be written"):
        fit(model, tmp_path, 5, fill, blocking=True)
    steps = int(model.optimizer.iterations)
    assert whole_ones(tmp_path) == [steps - 2, steps - 1]
    assert not list(tmp_path.glob(".tmp-*"))  # what was half written is gone


def test_in_the_background_it_is_told_at_the_next_one(model, tmp_path):
    with full_disk() as fill, pytest.raises(OSError, match="cannot be written"):
        fit(model, tmp_path, 5, fill)
    assert len(whole_ones(tmp_path)) == 2


def test_a_training_goes_on_without_saving_if_it_is_to(model, tmp_path, capsys):
    with full_disk() as fill:
        history = fit(model, tmp_path, 5, fill, blocking=True, on_save_error="warn")
    assert history.epoch == [0]
    assert len(whole_ones(tmp_path)) == 2
    assert "is not saved, the training goes on" in capsys.readouterr().err


def test_saving_goes_on_when_there_is_room_again(model, tmp_path):
    with full_disk() as fill, contextlib.ExitStack() as room:
        room.enter_context(pytest.raises(ZeroDivisionError))
        fit(model, tmp_path, 5, lambda: (fill(), 1 / 0), blocking=True)
    last = fit(model, tmp_path, 0, lambda: None, on_save_error="warn").epoch
    assert last == [0]
    assert whole_ones(tmp_path)[-1] == int(model.optimizer.iterations)


def test_a_folder_that_is_removed_is_made_again(model, tmp_path):
    folder = tmp_path / "checkpoints"
    fit(model, folder, 5, lambda: shutil.rmtree(folder), blocking=True)
    assert whole_ones(folder)[-1] == int(model.optimizer.iterations)


def test_a_folder_that_is_removed_while_one_is_written(model, tmp_path, monkeypatch):
    folder, written = tmp_path / "checkpoints", storage._write_document

    def removing(*args):
        monkeypatch.undo()
        shutil.rmtree(folder)
        written(*args)

    begin = functools.partial(monkeypatch.setattr, storage, "_write_document", removing)
    fit(model, folder, 5, begin)
    assert storage._write_document is written
    assert whole_ones(folder)[-1] == int(model.optimizer.iterations)


@pytest.mark.parametrize("on_save_error", ["raise", "warn"])
def test_a_folder_that_becomes_a_file(model, tmp_path, on_save_error):
    folder = tmp_path / "checkpoints"

    def replace():
        shutil.rmtree(folder)
        folder.write_text("in the way")

    expected = (
        pytest.raises(OSError, match="checkpoints")
        if on_save_error == "raise"
        else contextlib.nullcontext()
    )
    with expected:
        fit(model, folder, 5, replace, blocking=True, on_save_error=on_save_error)
    assert folder.read_text() == "in the way"


@contextlib.contextmanager
def as_nobody():
    """Permissions count: root may write everywhere."""
    before = os.geteuid()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        if before == 0:
            os.seteuid(65534)
        try:
            yield Path(folder)
        finally:
            os.seteuid(before)


def test_a_folder_that_must_not_be_written_any_more(model):
    with as_nobody() as parent:
        folder = parent / "checkpoints"
        with pytest.raises(PermissionError):
            fit(model, folder, 5, lambda: folder.chmod(0o500), blocking=True)
        folder.chmod(0o700)
        assert len(whole_ones(folder)) == 2
