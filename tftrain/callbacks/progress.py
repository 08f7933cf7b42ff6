"""One progress bar for the whole training: rate, time left, latest metrics."""

from __future__ import annotations

from typing import Any

from tqdm import tqdm

from tftrain.keras_api import keras


class Progress(keras.callbacks.Callback):
    """Shows examples done, examples per second and the time left; silent without a terminal.

    Args:
        examples_per_epoch: Training examples an epoch.
        batch_size: Examples a step.
        first_epoch: The epoch the training begins with.
    """

    needs_every_batch = False

    def __init__(self, examples_per_epoch: int, batch_size: int, first_epoch: int = 0) -> None:
        super().__init__()
        self._examples = examples_per_epoch
        self._batch_size = batch_size
        self._first_epoch = first_epoch
        self._bar: tqdm | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Opens the bar."""
        self._bar = tqdm(
            total=self.params["epochs"] * self._examples,
            initial=self._first_epoch * self._examples,
            unit=" examples",
            unit_scale=True,
            disable=None,
            dynamic_ncols=True,
        )

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Names the epoch."""
        self._bar.set_description(f"epoch {epoch + 1}/{self.params['epochs']}", refresh=False)
        self._done = epoch * self._examples

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Moves the bar."""
        done = min((batch + 1) * self._batch_size, self._examples)
        self._bar.update(self._done + done - self._bar.n)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Shows the epoch's metrics."""
        logs = logs or {}
        shown = [name for name in logs if name.startswith("val_")] or list(logs)
        self._bar.set_postfix({name: f"{logs[name]:.4f}" for name in shown})

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Closes the bar."""
        self._bar.close()
