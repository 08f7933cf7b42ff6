"""Save the training's state while it runs, and take it up again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tftrain.callbacks import checkpoint_sharing, training_identity, training_state
from tftrain.callbacks.best_epoch import BestEpoch
from tftrain.callbacks.checkpoint_files import CheckpointFiles
from tftrain.callbacks.checkpoint_times import CheckpointTimes
from tftrain.callbacks.training_identity import FORCE
from tftrain.callbacks.training_state import Position
from tftrain.checkpoints import CheckpointFolder, Saved
from tftrain.distribute import keras_bridge
from tftrain.distribute.keras_bridge import exact_resume, fit_exit
from tftrain.distribute.keras_bridge.backup_file import Backup
from tftrain.errors import BadInput
from tftrain.keras_api import keras
from tftrain.notices import notice
from tftrain.roles import keeps_files_of


class Checkpoint(keras.callbacks.Callback):
    """Saves all that a training needs to go on exactly, and goes on from there in the next `fit`.

    Saved are weights, the optimizer's variables, random states (dropout's seed generators, which
    Keras's own formats leave out), the sums behind metrics, the state of other callbacks (see
    callbacks/callback_states.py), the position, and the losses and metrics so far. A new process
    that runs the same script continues at the batch after the newest whole checkpoint. Put it
    last, so that the others have done their work when it saves.

    The step waits until the variables are read, which copies nothing; writing goes on in the
    background. A checkpoint appears whole and is checked when it is read; a damaged one is told
    of, and the one before it is used. Under several workers the chief reads and writes for all.
    What is promised, and what not, is in docs/reliability.md.

    Args:
        directory: Folder for the checkpoints of one training, made if missing.
        every_steps: Batches between two, counted in each epoch; None for none within epochs.
        every_secs: Seconds between two, if executions of steps end that often; None for none.
            Of several workers the chief's clock counts, and all save after the same execution.
        every_epochs: Epochs between two.
        keep: How many of the newest to keep.
        keep_best: Name of a metric in the logs: the epoch where it was best is kept too.
        mode: "min" or "max": what is best.
        blocking: Whether each is on disk before the training goes on.
        on_save_error: What a disk that is full or gone means: "raise", or "warn" to train on.
        resume: Whether to go on from what the folder holds; else it must be empty. "force": even
            if model, optimizer, data or seed differ, as far as the weights fit.
        clock: Seconds from any fixed moment.

    Raises:
        BadInput: A number is out of range, or a choice unknown.
        CheckpointError: When training begins: the folder holds another training's, or another
            process writes into it.
        CheckpointDamaged: When training begins: none in the folder is whole.
        CallbackError: When training begins: saving within epochs was asked for under local SGD,
            where workers have metrics of their own until an epoch ends; or `every_secs` in a job
            of several workers that `tftrain.distribute.strategy` has not made.
        OSError: The folder cannot be made or written, with `on_save_error="raise"`.
    """

    needs_every_batch = False

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
        resume: bool | str = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        keras_bridge.install()
        _check(every_steps=every_steps, every_secs=every_secs, every_epochs=every_epochs, keep=keep)
        _check_choice("mode", mode, ("min", "max"))
        _check_choice("on_save_error", on_save_error, ("raise", "warn"))
        self.needs_every_steps = every_steps
        self._every_epochs = every_epochs
        self._best = BestEpoch(keep_best, mode)
        self.resume = resume
        self._files = CheckpointFiles(
            directory, keep=keep, blocking=blocking, raises=on_save_error == "raise"
        )
        self._times = CheckpointTimes(every_steps, every_secs, clock)

    @property
    def directory(self) -> Path:
        """The folder of the checkpoints."""
        return self._files.folder.path

    @property
    def saved_step(self) -> int:
        """The step of the newest checkpoint in the folder; 0 if there is none."""
        return max(self._files.folder.numbers(), default=0)

    @property
    def resume(self) -> bool | str:
        """Whether to go on from what the folder holds."""
        return self._resume

    @resume.setter
    def resume(self, resume: bool | str) -> None:
        _check_choice("resume", resume, (True, False, FORCE))
        self._resume = resume

    @property
    def resumes_from(self) -> dict[str, Any] | None:
        """What the newest checkpoint says besides its tensors; None if there is none to go on from.

        Raises:
            CheckpointDamaged: None in the folder is whole.
        """
        saved = self._files.folder.newest() if self.resume else None
        return saved and saved.document

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Takes up the newest checkpoint."""
        self._at, self._is_stopped = Position(0, 0), False
        self._history: dict[str, list[float]] = {}
        self._best.begin()
        self._taken_up: Saved | None = None
        self._times.begin(self.model)
        _build_optimizer(self.model)
        self._identity = training_identity.of(self.model, self._others(), self.params["steps"])
        if saved := self._newest():
            self._take_up(saved)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the epoch; in one that was cut, callbacks have begun anew what they count in it."""
        taken_up, self._taken_up = self._taken_up, None
        if self._at.epoch != epoch:
            self._at = Position(epoch, 0)
        elif taken_up is not None:
            training_state.restore_callbacks(self._others(), taken_up)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves if it is time."""
        done = self._at.batch
        self._at = Position(self._at.epoch, batch + 1)
        if self._times.is_due(done, batch + 1):
            self._save()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves if it is time."""
        self._at, self._is_stopped = Position(epoch + 1, 0), self.model.stop_training
        for name, value in (logs or {}).items():
            self._history.setdefault(name, []).append(float(value))
        best = self._best.note(logs or {}, _steps(self.model))
        if best or (epoch + 1) % self._every_epochs == 0 or self._is_stopped:
            self._save()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Waits until all is written, and completes the History by the epochs before."""
        self._files.wait()
        history = self.model.history
        history.history = {name: list(values) for name, values in self._history.items()}
        history.epoch = list(range(self._at.epoch))

    def on_fit_exit(self) -> None:
        """Waits until all is written, and gives the folder free."""
        self._times.end()
        self._files.close()

    def save_now(self) -> None:
        """Saves where the training stands, and returns when that is on disk.

        Every worker must call it, after the same step.
        """
        self._save(blocking=True)

    def roll_back(self) -> int | None:
        """Brings weights and the optimizer's state back to the newest whole checkpoint.

        The count of steps, the learning rate and random states go on, and so do the data and the
        metrics of the epoch. Every worker must call it, after the same step.

        Returns:
            The step of the checkpoint; None if there is none yet, and nothing has changed.
        """
        saved = checkpoint_sharing.newest(self._files, self.model)
        if saved is None:
            return None
        checkpoint_sharing.restore(self.model, saved, but=_going_on(self.model))
        return saved.number

    def _newest(self) -> Saved | None:
        """What to go on from, checked by the chief."""

        def check(saved: Saved) -> None:
            differences = training_identity.check(self.model, self._identity, saved, self.resume)
            if differences:
                notice(f"going on in spite of differences: {'; '.join(differences)}")
            if training_identity.moves_batches(differences):
                saved.document["batch"] = 0  # it counts other batches

        if keeps_files_of(self.model):
            self._files.open()
        return checkpoint_sharing.newest(self._files, self.model, check)

    def _take_up(self, saved: Saved) -> None:
        document = saved.document
        self._at = training_state.position(saved)
        self._history = document["history"]
        self._best.begin(document["best"])
        epoch = self.params["epochs"] if document["stopped"] else self._at.epoch
        missing = training_state.restore_callbacks(self._others(), saved)
        self._taken_up = saved if self._at.batch else None
        checkpoint_sharing.restore(self.model, saved)
        backup = Backup(epoch, self._at.batch, training_state.metrics(saved))
        exact_resume.begin_at(self.model, backup)
        if keeps_files_of(self.model):
            self._tell(saved, missing)

    def _tell(self, saved: Saved, missing: list[str]) -> None:
        if missing:
            notice(f"{saved.path} has no state of {', '.join(missing)}, or they are gone")
        if change := training_identity.change_of_replicas(self.model, saved):
            notice(change)
        where = (
            "where it was stopped" if saved.document["stopped"] else f"epoch {self._at.epoch + 1}"
        )
        notice(f"going on after step {saved.number}, in {where}")

    def _others(self) -> list[Any]:
        return [each for each in fit_exit.callbacks_of(self.model) if each is not self]

    def _save(self, blocking: bool = False) -> None:
        self._times.restart()
        number = _steps(self.model)
        tensors, document = training_state.capture(
            self.model, self._others(), self._at, self._history
        )
        if not keeps_files_of(self.model):
            return  # reading the variables may have been a collective
        document |= {
            "identity": self._identity,
            "best": self._best.found,
            "stopped": self._is_stopped,
            "engine": self.model.__dict__.get("_tftrain_engine"),
        }
        best = [self._best.found[1]] if self._best.found else []
        self._files.save(number, tensors, document, best, blocking)


def position_in(directory: str | os.PathLike[str]) -> Position:
    """Where a training that goes on from this folder's newest checkpoint begins.

    Raises:
        CheckpointDamaged: None in the folder is whole.
    """
    saved = CheckpointFolder(directory).newest()
    return training_state.position(saved) if saved else Position(0, 0)


def _steps(model: Any) -> int:
    return int(keras.ops.convert_to_numpy(model.optimizer.iterations))


def _build_optimizer(model: Any) -> None:
    if not model.optimizer.built:  # a loss scale would be made twice
        with model.distribute_strategy.scope():
            model.optimizer.build(model.trainable_variables)


def _going_on(model: Any) -> list[Any]:
    """The variables that a training which is rolled back goes on with."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    weights = {id(variable) for variable in model.weights}
    randomness = [variable for variable in model.variables if id(variable) not in weights]
    counters = [model.optimizer.iterations, optimizer.iterations, optimizer._learning_rate]
    return [*randomness, *counters]


def _check(**numbers: float | None) -> None:
    wrong = {name: value for name, value in numbers.items() if value is not None and value <= 0}
    if wrong:
        told = ", ".join(f"{name} is {value}" for name, value in wrong.items())
        raise BadInput(f"{told}; expected more than 0")


def _check_choice(name: str, value: Any, choices: tuple[Any, ...]) -> None:
    if value not in choices:
        raise BadInput(f"{name} is {value!r}; expected one of {', '.join(map(repr, choices))}")
