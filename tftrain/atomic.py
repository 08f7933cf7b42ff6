"""Write a file or a folder so that a reader sees the old state or the new, never a part.

The content goes to a temporary name beside the target, is flushed to disk, and is renamed. What
grows step by step, and so cannot be written this way, has one writer at a time.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

UNFINISHED = ".tmp-"  # what names of files and folders begin with until they are whole


@contextlib.contextmanager
def replace_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary path to write; on leaving the block it becomes `path`.

    An error inside the block removes the temporary file and leaves `path` as it was. So does a
    block that writes nothing, as Keras's savers do in workers whose files are not kept.

    Example:
        >>> import pathlib, tempfile
        >>> target = pathlib.Path(tempfile.mkdtemp()) / "result.json"
        >>> with replace_file(target) as temporary:
        ...     _ = temporary.write_text("{}")
        >>> target.read_text()
        '{}'
    """
    target = Path(path)
    temporary = _beside(target)
    try:
        yield temporary
        if temporary.exists():
            _sync(temporary)
            os.replace(temporary, target)
            _sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def publish_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary folder to fill; on leaving the block it becomes `path`.

    An error inside the block, or a block that writes nothing, leaves no folder.

    Raises:
        OSError: `path` exists and is not an empty folder; nothing is changed.
    """
    target = Path(path)
    temporary = _beside(target)
    temporary.mkdir()
    try:
        yield temporary
        written = list(temporary.rglob("*"))
        for file in written:
            _sync(file)
        if written:
            os.rename(temporary, target)
            _sync(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def alone_in(folder: Path, refusal: Exception) -> Iterator[None]:
    """Keeps other processes of this machine that ask for the same out of a folder meanwhile.

    Raises:
        Exception: `refusal`, if another process is in it.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise refusal from error
        yield
    finally:
        os.close(descriptor)


def _beside(target: Path) -> Path:
    # The suffix stays: Keras chooses its file format by it.
    return target.with_name(f"{UNFINISHED}{uuid.uuid4().hex[:8]}-{target.name}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
