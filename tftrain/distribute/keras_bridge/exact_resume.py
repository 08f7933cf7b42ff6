"""BackupAndRestore continues at the batch that was saved, and its backup is never half written.

Symptom: after a crash in mid-epoch the whole epoch is trained again on top of the restored
weights (with 10 batches and a crash after the 6th: 16 updates); a second crash in the resumed
epoch starts over at epoch 0; a crash while the backup is written loses it; a second `fit` of the
same model skips epochs.
Cause: the callback writes `batch` and never reads it; it counts epochs from 0 in every process;
it writes weights and position into two files, in place; it leaves out the states of dropout's
random generators; `_initial_epoch` is never reset.
Upstream: keras#22490 (for one kind of data set, not merged)
Versions: keras 3.0 to 3.15

The position and the metrics' state are kept inside the weights file, which is replaced as a
whole. Batches already trained on are read and dropped, so the resumed run sees what the
uninterrupted one would have seen wherever the order of the data is reproducible (not shuffled,
or shuffled by a seed that does not depend on the process); the number of updates is exact
everywhere. On a remote store such as gs:// the file stays as Keras writes it: epochs only.
Under a multi-worker strategy the chief's backup is everybody's: the others get weights and
position from it and need no shared file system.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tftrain.distribute import roles
from tftrain.distribute.keras_bridge import (
    backup_file,
    chief_broadcast,
    fit_exit,
)
from tftrain.distribute.keras_bridge.backup_file import Backup
from tftrain.distribute.keras_bridge.global_batches import GlobalBatches
from tftrain.distribute.keras_bridge.wrapping import wrap
from tftrain.errors import CheckpointError
from tftrain.keras_api import keras
from tftrain.roles import keeps_files_of

_fitting: list[Any] = []  # models, the one whose `fit` was called last at the end


def install() -> None:
    """Repairs BackupAndRestore and the part of `fit` that it needs."""
    from keras.src.trainers.epoch_iterator import EpochIterator

    callback = keras.callbacks.BackupAndRestore
    for name, wrapper in (
        ("on_train_begin", _restore),
        ("on_epoch_begin", _note_epoch),
        ("on_train_batch_end", _note_batch),
        ("on_epoch_end", _note_epoch_end),
        ("_save_model", _save),
        ("on_train_end", _finish),
    ):
        wrap(callback, name, wrapper)
    wrap(keras.Model, "fit", _fit)
    wrap(keras.Model, "_get_metrics_result_or_logs", _metrics_or_logs)
    wrap(EpochIterator, "_enumerate_iterator", _enumerate)


def _fit(original: Callable[..., Any], model: Any, *args: Any, **kwargs: Any) -> Any:
    _fitting.append(model)
    try:
        return original(model, *args, **kwargs)
    finally:
        _fitting.pop()
        model._tftrain_resume = model._initial_epoch = None  # they are of this `fit`


def begin_at(model: Any, backup: Backup) -> None:
    """Makes the running `fit` begin where a backup says, in this process alone."""
    model._initial_epoch = backup.epoch
    model._tftrain_resume = backup


def _restore(original: Callable[..., Any], callback: Any, logs: Any = None) -> None:
    model = callback.model
    backup = None
    if keeps_files_of(model):
        original(callback, logs)  # with its own fallback to the previous backup
        backup = backup_file.read(callback)
        _restore_seeds(model, backup)
    if roles.is_multi_worker(model.distribute_strategy):
        backup = _share(backup, model, roles.between_workers(model.distribute_strategy))
    callback._tftrain_position = (0, 0)
    if backup is None:
        return
    begin_at(model, backup)
    callback._tftrain_position = (backup.epoch, backup.next_batch)
    callback._last_batch_seen = max(0, backup.next_batch - 1)


def _seeds(model: Any) -> list[Any]:
    """The variables that `save_weights` leaves out: states of random generators."""
    weights = {id(variable) for variable in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def _restore_seeds(model: Any, backup: Backup | None) -> None:
    if backup is not None and len(backup.seeds) == len(_seeds(model)):
        for variable, value in zip(_seeds(model), backup.seeds, strict=True):
            variable.assign(value)


def _share(backup: Backup | None, model: Any, strategy: Any) -> Backup | None:
    """Gives every worker the chief's backup, and its variables too."""
    header = chief_broadcast.integers(strategy, backup_file.header(backup), length=3)
    if not header[0]:
        return None
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    chief_broadcast.variables(strategy, [*model.variables, *model.optimizer.variables])
    shapes = [tuple(variable.shape) for variable in model.metrics_variables]
    values = backup.metrics if backup and backup.fits(shapes) else None
    if not chief_broadcast.integers(strategy, [int(values is not None)], length=1)[0]:
        return Backup(header[1], header[2], ())
    shared = chief_broadcast.arrays(strategy, values, shapes)
    return Backup(header[1], header[2], tuple(shared))


def _note_epoch(
    original: Callable[..., Any], callback: Any, epoch: int, *args: Any, **kwargs: Any
) -> None:
    callback._current_epoch = epoch
    resumes = callback._tftrain_position[0] == epoch and callback._tftrain_position[1]
    if not resumes:
        callback._tftrain_position = (epoch, 0)
    original(callback, epoch, *args, **kwargs)


def _note_batch(
    original: Callable[..., Any], callback: Any, batch: int, *args: Any, **kwargs: Any
) -> None:
    callback._tftrain_position = (callback._current_epoch, batch + 1)
    original(callback, batch, *args, **kwargs)


def _note_epoch_end(
    original: Callable[..., Any], callback: Any, epoch: int, *args: Any, **kwargs: Any
) -> None:
    callback._tftrain_position = (epoch + 1, 0)
    original(callback, epoch, *args, **kwargs)


def _save(original: Callable[..., Any], callback: Any) -> None:
    model = callback.model
    metrics = tuple(variable.numpy() for variable in model.metrics_variables)
    if not keeps_files_of(model):
        model.save_weights(callback._weights_path)  # takes part in collectives, keeps nothing
    elif backup_file.is_remote(callback):
        original(callback)
    else:
        seeds = tuple(variable.numpy() for variable in _seeds(model))
        backup_file.write(callback, Backup(*callback._tftrain_position, metrics, seeds))


def _finish(original: Callable[..., Any], callback: Any, logs: Any = None) -> None:
    callback.model._initial_epoch = None
    if keeps_files_of(callback.model):
        original(callback, logs)


def _enumerate(original: Callable[..., Any], epoch_iterator: Any) -> Iterator[Any]:
    resume = getattr(_fitting[-1], "_tftrain_resume", None) if _fitting else None
    if resume is None:
        yield from original(epoch_iterator)
        return
    model = _fitting[-1]
    model._tftrain_resume = None
    # With steps_per_epoch one pass over the data goes on from epoch to epoch.
    epochs_before = resume.epoch - fit_exit.argument_of(model, "initial_epoch", 0)
    passed = epochs_before * (epoch_iterator.steps_per_epoch or 0)
    if isinstance(epoch_iterator._distributed_dataset, GlobalBatches) and not passed:
        epoch_iterator._distributed_dataset.count_passes(epochs_before)
    if hasattr(epoch_iterator.data_adapter, "begin_at"):
        epoch_iterator.data_adapter.begin_at(resume.next_batch, passed)
        _restore_metrics(model, resume, None)
        yield from original(epoch_iterator)
    else:
        yield from _skip(original(epoch_iterator), passed, resume, model)


def _skip(steps: Iterator[Any], passed: int, resume: Backup, model: Any) -> Iterator[Any]:
    batch = None
    for begin, end, iterator in steps:
        while passed:
            batch, passed = next(iterator, None), passed - 1
        if begin >= resume.next_batch:
            _restore_metrics(model, resume, batch)
            yield begin, end, iterator
            break
        if end >= resume.next_batch:
            raise CheckpointError(
                f"the checkpoint stands before batch {resume.next_batch} of epoch "
                f"{resume.epoch + 1}, but steps are now taken {end - begin + 1} at a time: go on "
                "with the engine and the steps_per_execution that it was made with"
            )
        for _ in range(end - begin + 1):
            batch = next(iterator, batch)
    else:
        _restore_metrics(model, resume, batch)
    yield from steps


def _restore_metrics(model: Any, resume: Backup, batch: Any) -> None:
    if not resume.next_batch:
        return
    if batch is not None and model._distribute_strategy is None:
        model._symbolic_build(data_batch=batch)
    variables = model.metrics_variables
    if resume.fits([tuple(variable.shape) for variable in variables]):
        for variable, value in zip(variables, resume.metrics, strict=True):
            variable.assign(value)


def _metrics_or_logs(original: Callable[..., Any], model: Any, logs: Any) -> Any:
    # An epoch whose last batch was saved before the crash has no step left to give logs.
    if _fitting and logs == {}:
        return model.get_metrics_result()
    return original(model, logs)
