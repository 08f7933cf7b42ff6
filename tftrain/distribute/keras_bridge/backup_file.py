"""The file of BackupAndRestore: all the state of a run in one, replaced as a whole."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np

from tftrain import atomic

_POSITION = "tftrain_position"
_METRICS, _SEEDS = "tftrain_metrics", "tftrain_seeds"


@dataclasses.dataclass(frozen=True)
class Backup:
    """Where training stood.

    Attributes:
        epoch: The epoch to go on with, from 0.
        next_batch: The first batch of it that was not trained on, from 0.
        metrics: The values of the model's metric variables at that batch.
        seeds: Those of its variables that Keras does not count as weights and does not save:
            the states of random generators (dropout, augmentation).
    """

    epoch: int
    next_batch: int
    metrics: tuple[np.ndarray, ...] = ()
    seeds: tuple[np.ndarray, ...] = ()

    def fits(self, shapes: Sequence[tuple[int, ...]]) -> bool:
        """Whether the metrics saved are those of a model whose metrics have these shapes."""
        return [value.shape for value in self.metrics] == list(shapes)


def header(backup: Backup | None) -> list[int]:
    """Whether there is a backup, its epoch and its next batch."""
    return [0, 0, 0] if backup is None else [1, backup.epoch, backup.next_batch]


def is_remote(callback: Any) -> bool:
    """Whether the folder is on a store that cannot rename (`gs://...`): Keras's way is kept."""
    return "://" in str(callback.backup_dir)


def _exists(path: str) -> bool:
    from keras.src.utils import file_utils

    return file_utils.exists(path)


def read(callback: Any) -> Backup | None:
    """The position in the callback's file, or, of a file that Keras wrote, its epoch."""
    if not _exists(callback._weights_path):
        return None
    if is_remote(callback):
        return Backup(callback.model._initial_epoch or 0, 0)
    with h5py.File(callback._weights_path, "r") as file:
        if _POSITION in file.attrs:
            epoch, next_batch = json.loads(file.attrs[_POSITION])
            return Backup(epoch, next_batch, _arrays(file[_METRICS]), _arrays(file[_SEEDS]))
    # Without our position Keras's epoch is all there is; its `batch` is ambiguous (0 is both
    # "none" and "the first").
    return Backup(callback.model._initial_epoch or 0, 0)


def _arrays(group: Any) -> tuple[np.ndarray, ...]:
    return tuple(np.asarray(group[str(index)][()]) for index in range(len(group)))


def write(callback: Any, backup: Backup) -> None:
    """Replaces the callback's file; keeps the previous one where `double_checkpoint` asks it."""
    os.makedirs(callback.backup_dir, exist_ok=True)
    if callback.double_checkpoint:
        _keep_previous(callback)
    with atomic.replace_file(callback._weights_path) as temporary:
        callback.model.save_weights(str(temporary), overwrite=True)
        with h5py.File(temporary, "a") as file:
            file.attrs[_POSITION] = json.dumps([backup.epoch, backup.next_batch])
            for name, values in ((_METRICS, backup.metrics), (_SEEDS, backup.seeds)):
                group = file.create_group(name)
                for index, value in enumerate(values):
                    group[str(index)] = value
    with atomic.replace_file(callback._training_metadata_path) as temporary:
        temporary.write_text(json.dumps({"epoch": backup.epoch, "batch": backup.next_batch}))


def _keep_previous(callback: Any) -> None:
    for latest, previous in (
        (callback._weights_path, callback._prev_weights_path),
        (callback._training_metadata_path, callback._prev_training_metadata_path),
    ):
        if os.path.exists(latest):
            with atomic.replace_file(previous) as temporary:
                shutil.copyfile(latest, temporary)
