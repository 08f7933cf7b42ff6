"""Who must be called after every batch."""

import pytest

from tftrain import callbacks as ours
from tftrain.keras_api import keras
from tftrain.training.batch_callbacks import needing_every_batch

C = keras.callbacks


class Acting(C.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


class OldName(C.Callback):
    def on_batch_begin(self, batch, logs=None):
        pass


class Validating(C.Callback):
    def on_test_batch_end(self, batch, logs=None):
        pass


class OwnCheckpoint(C.ModelCheckpoint):
    def on_train_batch_end(self, batch, logs=None):
        pass


class Content(Acting):
    needs_every_batch = False


ACTING = [
    Acting(),
    OldName(),
    Validating(),
    OwnCheckpoint("x.keras"),
    C.ModelCheckpoint("x.keras", save_freq=3),
    C.BackupAndRestore("x", save_freq=3),
    C.TensorBoard("x", update_freq="batch"),
    C.TensorBoard("x", write_steps_per_second=True),
    C.TerminateOnNaN(),
    C.LambdaCallback(on_train_batch_end=lambda batch, logs: None),
    ours.GradientStatistics(),
    ours.LearningRateDecay(lambda step: 0.1),
]
IDLE = [
    C.Callback(),
    C.History(),
    C.ProgbarLogger(),
    C.EarlyStopping(),
    C.CSVLogger("x.csv"),
    C.ReduceLROnPlateau(),
    C.LearningRateScheduler(lambda epoch: 0.1),
    C.ModelCheckpoint("x.keras"),
    C.BackupAndRestore("x"),
    C.TensorBoard("x"),
    C.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
    Content(),
    ours.Progress(10, 2),
    ours.GradientClipping("norm:1"),
    ours.GradientStatistics(stop=False),
    ours.LearningRateDecay(lambda epoch: 0.1, per="epoch"),
]


@pytest.mark.parametrize("callback", ACTING, ids=lambda each: type(each).__name__)
def test_callbacks_that_act_on_batches(callback):
    assert needing_every_batch([callback]) == [type(callback).__name__]


@pytest.mark.parametrize("callback", IDLE, ids=lambda each: type(each).__name__)
def test_callbacks_that_do_not(callback):
    assert needing_every_batch([callback]) == []


def test_all_forms_that_fit_takes():
    assert needing_every_batch(None) == []
    assert needing_every_batch(Acting()) == ["Acting"]
    assert needing_every_batch([C.History(), [Acting(), OldName()]]) == ["Acting", "OldName"]
    assert needing_every_batch(C.CallbackList([Acting()], add_progbar=True)) == ["Acting"]
