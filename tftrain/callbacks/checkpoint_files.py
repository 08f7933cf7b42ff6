"""The files of `Checkpoint`: one run writes them, in the background, and old ones go."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from typing import Any

from tftrain.atomic import alone_in
from tftrain.checkpoints import BackgroundWriter, CheckpointFolder, Saved
from tftrain.errors import CheckpointError
from tftrain.notices import notice


class CheckpointFiles:
    """A folder of checkpoints while a training writes them.

    Args:
        directory: The folder, made by `open`.
        keep: How many of the newest to keep.
        blocking: Whether `save` returns when all is on disk.
        raises: Whether a disk that is full or gone is an error, or only told.
    """

    def __init__(
        self, directory: str | os.PathLike[str], *, keep: int, blocking: bool, raises: bool
    ) -> None:
        self.folder = CheckpointFolder(directory)
        self._keep, self._blocking, self._raises = keep, blocking, raises
        self._writer = BackgroundWriter()
        self._lock = contextlib.ExitStack()

    def open(self) -> None:
        """Makes the folder this process's own until `close`.

        Raises:
            CheckpointError: Another process is writing into it.
            OSError: It cannot be made.
        """
        self._guarded(self._make_own)

    def newest(self) -> Saved | None:
        """The newest checkpoint that is whole; damaged ones are told of.

        Raises:
            CheckpointDamaged: There are some, but none is whole.
            CheckpointError: A newer tftrain wrote the newest.
        """
        self._guarded(self._writer.wait)
        return self.folder.newest(notice)

    def save(
        self,
        number: int,
        tensors: dict[str, Any],
        document: dict[str, Any],
        kept: Iterable[int],
        blocking: bool = False,
    ) -> None:
        """Writes a checkpoint, once the last one is written, and drops those not to be kept.

        Args:
            number: Steps behind it.
            tensors: As `CheckpointFolder.write` takes them.
            document: Likewise.
            kept: Numbers to keep besides the newest.
            blocking: Whether to return when it is on disk.

        Raises:
            OSError: This one, or the one before, could not be written.
        """

        def job() -> None:
            self._write(number, tensors, document)
            newest = self.folder.numbers()[-self._keep :]
            self.folder.drop_all_but({*newest, *kept})

        self._guarded(lambda: self._writer.start(job))
        if blocking or self._blocking:
            self.wait()

    def wait(self) -> None:
        """Returns when nothing is being written.

        Raises:
            OSError: Something could not be written.
        """
        self._guarded(self._writer.wait)

    def close(self) -> None:
        """Gives the folder free; an error of the last write is only told."""
        try:
            self._writer.wait()
        except Exception as error:
            notice(f"a checkpoint is not saved: {error}")
        self._lock.close()

    def _make_own(self) -> None:
        path = self.folder.path
        path.mkdir(parents=True, exist_ok=True)
        refusal = CheckpointError(
            f"another process is writing checkpoints into {path}: give each run a folder of its own"
        )
        self._lock.enter_context(alone_in(path, refusal))
        self.folder.tidy()

    def _write(self, number: int, tensors: dict[str, Any], document: dict[str, Any]) -> None:
        try:
            self.folder.write(number, tensors, document)
        except OSError:
            if self.folder.path.exists():
                raise
            self.folder.write(number, tensors, document)  # it was removed meanwhile: made again

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except OSError as error:
            if self._raises:
                raise
            notice(f"a checkpoint is not saved, the training goes on: {error}")
