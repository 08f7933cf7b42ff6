"""Trainings that are cut off."""

from tftrain.keras_api import keras


class Cut(Exception):
    pass


class CutAfter(keras.callbacks.Callback):
    """Stands for the power cord, pulled at the end of an execution of steps."""

    needs_every_batch = False

    def __init__(self, steps):
        super().__init__()
        self._steps = steps

    def on_train_batch_end(self, batch, logs=None):
        if self.model.optimizer.iterations.numpy() >= self._steps:
            raise Cut
