"""Save the training's state while it runs, and take it up again."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

from tftrain.callbacks import training_state
from tftrain.callbacks.training_state import Position
from tftrain.checkpoints import BackgroundWriter, CheckpointFolder, Saved
from tftrain.distribute import fingerprints, keras_bridge
from tftrain.distribute.keras_bridge import chief_only_writes, exact_resume
from tftrain.distribute.keras_bridge.backup_file import Backup
from tftrain.errors import BadInput, CheckpointError
from tftrain.keras_api import keras


class Checkpoint(keras.callbacks.Callback):
    """Saves all that a training needs to go on exactly, and goes on from there in the next `fit`.

    Saved are weights, the optimizer's variables, random states (dropout's seed generators, which
    Keras's own formats leave out), the sums behind metrics, the state of other callbacks (see
    callbacks/callback_states.py), the position, and the losses and metrics so far. A new process
    that runs the same script continues at the batch after the newest whole checkpoint. Put it
    last, so that the others have done their work when it saves.

    The step waits until the variables are read, which copies nothing; writing goes on in the
    background. A checkpoint appears whole and is checked when it is read; a damaged one is told
    of, and the one before it is used.

    Args:
        directory: Folder for the checkpoints, made if missing.
        every_steps: Batches between two; None for none within epochs.
        every_secs: Seconds between two, if batches end that often; None for none.
        every_epochs: Epochs between two.
        keep: How many of the newest to keep.
        keep_best: Name of a metric in the logs: the epoch where it was best is kept too.
        mode: "min" or "max": what is best.
        blocking: Whether each is on disk before the training goes on.
        on_save_error: What a disk that is full or gone means: "raise", or "warn" to train on.
        resume: Whether to go on from what the folder holds; else it must be empty.
        clock: Seconds from any fixed moment.

    Raises:
        BadInput: A number is out of range, or a choice unknown.
        CheckpointError: When training begins: the folder holds another training's.
        CheckpointDamaged: When training begins: none in the folder is whole.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        every_steps: int | None = None,
        every_secs: float | None = None,
        every_epochs: int = 1,
        keep: int = 2,
        keep_best: str | None = None,
        mode: str = "min",
        blocking: bool = False,
        on_save_error: str = "raise",
        resume: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        keras_bridge.install()
        _check(every_steps=every_steps, every_secs=every_secs, every_epochs=every_epochs, keep=keep)
        if mode not in ("min", "max") or on_save_error not in ("raise", "warn"):
            raise BadInput(
                f"mode is {mode!r}, on_save_error {on_save_error!r}; expected 'min' or 'max', and "
                "'raise' or 'warn'"
            )
        self._folder = CheckpointFolder(directory)
        self._every_steps, self._every_secs, self._every_epochs = (
            every_steps,
            every_secs,
            every_epochs,
        )
        self._keep, self._keep_best, self._mode = keep, keep_best, mode
        self._blocking, self._on_save_error, self._resume = blocking, on_save_error, resume
        self._clock = clock
        self._writer = BackgroundWriter()

    @property
    def needs_every_batch(self) -> bool:
        """Whether it acts between batches."""
        return self._every_steps is not None or self._every_secs is not None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Takes up the newest checkpoint."""
        self._at = Position(0, 0)
        self._history: dict[str, list[float]] = {}
        self._best: tuple[float, int] | None = None
        self._saved_at = self._clock()
        _build_optimizer(self.model)
        self._training = fingerprints.of_training(self.model)  # callbacks may change the rate
        saved = self._folder.newest(_say) if chief_only_writes.is_writer(self.model) else None
        if saved is not None:
            self._take_up(saved)
        backup = exact_resume.go_on(self.model, self._backup(saved))
        if backup is not None:
            self._at = Position(backup.epoch, backup.next_batch)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the epoch."""
        if self._at.epoch != epoch:
            self._at = Position(epoch, 0)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves if it is time."""
        done = self._at.batch
        self._at = Position(self._at.epoch, batch + 1)
        every = self._every_steps
        due = every is not None and done // every != (batch + 1) // every
        if due or (
            self._every_secs is not None and self._clock() - self._saved_at >= self._every_secs
        ):
            self._save()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves if it is time."""
        self._at = Position(epoch + 1, 0)
        for name, value in (logs or {}).items():
            self._history.setdefault(name, []).append(float(value))
        best = self._is_best(logs or {})
        if best or (epoch + 1) % self._every_epochs == 0:
            self._save(best)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Waits until all is written, and completes the History by the epochs before."""
        self._guarded(self._writer.wait)
        history = self.model.history
        history.history = {name: list(values) for name, values in self._history.items()}
        history.epoch = list(range(self._at.epoch))

    def _take_up(self, saved: Saved) -> None:
        if not self._resume:
            raise CheckpointError(
                f"{self._folder.path} holds a checkpoint of step {saved.number}: give an empty "
                "folder, or resume=True to go on"
            )
        training_state.require_same_training(self.model, self._training, saved)
        missing = training_state.restore(self.model, self._others(), saved)
        if missing:
            _say(f"{saved.path} has no state of {', '.join(missing)}, or they are gone")
        self._at = training_state.position(saved)
        self._history = saved.document["history"]
        self._best = saved.document["best"] and tuple(saved.document["best"])
        _say(f"going on after step {saved.number}, in epoch {self._at.epoch + 1}")

    def _backup(self, saved: Saved | None) -> Backup | None:
        if saved is None:
            return None
        return Backup(self._at.epoch, self._at.batch, training_state.metrics(saved))

    def _others(self) -> list[Any]:
        return [each for each in exact_resume.callbacks_of(self.model) if each is not self]

    def _save(self, best: bool = False) -> None:
        self._saved_at = self._clock()
        number = int(self.model.optimizer.iterations)
        tensors, document = training_state.capture(
            self.model, self._others(), self._at, self._history, self._training
        )
        if not chief_only_writes.is_writer(self.model):
            return  # reading the variables may have been a collective
        document["best"] = self._best
        self._guarded(lambda: self._writer.start(lambda: self._write(number, tensors, document)))
        if self._blocking:
            self._guarded(self._writer.wait)

    def _write(self, number: int, tensors: dict[str, Any], document: dict[str, Any]) -> None:
        self._folder.write(number, tensors, document)
        best = {document["best"][1]} if document["best"] else set()
        self._folder.drop_all_but({*self._folder.numbers()[-self._keep :], *best})

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except OSError as error:
            if self._on_save_error == "raise":
                raise
            _say(f"a checkpoint is not saved, the training goes on: {error}")

    def _is_best(self, logs: dict[str, Any]) -> bool:
        if self._keep_best is None:
            return False
        if self._keep_best not in logs:
            raise BadInput(
                f"keep_best is {self._keep_best!r}; the logs have {', '.join(sorted(logs))}"
            )
        value = float(logs[self._keep_best])
        better = self._best is None or (
            value < self._best[0] if self._mode == "min" else value > self._best[0]
        )
        if better:
            self._best = (value, int(self.model.optimizer.iterations))
        return better


def position_in(directory: str | os.PathLike[str]) -> Position:
    """Where a training that goes on from this folder's newest checkpoint begins.

    Raises:
        CheckpointDamaged: None in the folder is whole.
    """
    saved = CheckpointFolder(directory).newest()
    return training_state.position(saved) if saved else Position(0, 0)


def _build_optimizer(model: Any) -> None:
    if not model.optimizer.built:  # a loss scale would be made twice
        with model.distribute_strategy.scope():
            model.optimizer.build(model.trainable_variables)


def _check(**numbers: float | None) -> None:
    wrong = {name: value for name, value in numbers.items() if value is not None and value <= 0}
    if wrong:
        told = ", ".join(f"{name} is {value}" for name, value in wrong.items())
        raise BadInput(f"{told}; expected more than 0")


def _say(text: str) -> None:
    print(f"tftrain: {text}", file=sys.stderr)
