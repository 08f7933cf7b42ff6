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


def write_new_file(path: str | os.PathLike[str], content: str) -> bool:
    """Writes a text file unless there is one, which stays as it is.

    Returns:
        Whether it was written.
    """
    target = Path(path)
    temporary = _beside(target)
    try:
        temporary.write_text(content, encoding="utf-8")
        _sync(temporary)
        os.link(temporary, target)  # unlike a rename, it never replaces
        _sync(target.parent)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


@contextlib.contextmanager
def publish_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary folder to fill; on leaving the block it becomes `path`.

    An error inside the block, or a block that writes nothing, leaves no folder.

    Raises:
        OSError: `path` exists and is not an empty folder; nothing is changed.
    """
    target = Path(path)
    with staged_folder(target.parent, target.name) as staged:
        yield staged.path
        if any(staged.path.iterdir()):
            staged.publish(target)


class StagedFolder:
    """A folder that is filled under a temporary name.

    Attributes:
        path: Where it is meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def publish(self, target: Path) -> None:
        """Gives it its name, once its content is on disk.

        Raises:
            OSError: `target` exists and is not an empty folder; another name can be tried.
        """
        for entry in (*self.path.rglob("*"), self.path):
            _sync(entry)
        os.rename(self.path, target)
        _sync(target.parent)


@contextlib.contextmanager
def staged_folder(parent: Path, name: str) -> Iterator[StagedFolder]:
    """A temporary folder to fill and to publish; what is not published is removed.

    Its writer holds a lock on it, by which `clear_leftovers` knows that it is alive.

    Args:
        parent: The folder to make it in; publishing must not leave its file system.
        name: What the temporary name ends in.
    """
    path, lock = _made_and_locked(parent / name)
    try:
        yield StagedFolder(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def _made_and_locked(target: Path) -> tuple[Path, int]:
    while True:
        path = _beside(target)
        path.mkdir()
        # Between these steps others may take it for a leftover: then another is made.
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(path, os.O_RDONLY)
            if _locks(lock) is not False and path.exists():
                return path, lock
            os.close(lock)


def _locks(descriptor: int) -> bool | None:
    """Whether a lock was free and is ours now; None where the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def clear_leftovers(parent: Path) -> None:
    """Removes the temporary folders that killed processes have left in a folder.

    Those whose writers are alive stay.
    """
    for path in parent.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(OSError):  # gone meanwhile, no folder, or not ours to read
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if _locks(descriptor):
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(descriptor)


def remove_folder(path: Path) -> None:
    """Removes a folder so that nobody finds a part of it under its name.

    If that is cut short, `clear_leftovers` finishes it.
    """
    aside = _beside(path)
    os.rename(path, aside)
    shutil.rmtree(aside, ignore_errors=True)


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
