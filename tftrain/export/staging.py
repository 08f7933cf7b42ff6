"""Where a version is written until it is published; nothing of it is left if it fails."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tftrain import atomic
from tftrain.atomic import StagedFolder
from tftrain.errors import ExportError, NoSpace
from tftrain.export import versions
from tftrain.keras_api import tf

_NAME = "export"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_OF_TENSORFLOW = ("No space left", "Disk quota exceeded", "File too large")


@contextlib.contextmanager
def staged(base: Path, needed: int) -> Iterator[StagedFolder]:
    """A folder among the versions, and so on their file system.

    Args:
        base: Folder of the versions; made if missing, and removed again if the block fails.
        needed: Bytes that will be written at least.

    Raises:
        ExportError: The base cannot be made or written to.
        NoSpace: The disk is full, or would be.
    """
    usage = shutil.disk_usage(versions.existing(base))
    if usage.total and needed > usage.free:  # some file systems do not say
        raise _no_space(base, f"{needed:,} bytes are needed at least, {usage.free:,} are left")
    made = _make(base)
    try:
        atomic.clear_leftovers(base)
        with atomic.staged_folder(base, _NAME) as folder:
            yield folder
    except BaseException as error:
        for path in made:
            with contextlib.suppress(OSError):  # somebody else uses it by now
                path.rmdir()
        if _is_full(error):
            raise _no_space(base, str(error)) from error
        raise


def _make(base: Path) -> list[Path]:
    """Makes the folder; gives those that were made, the innermost first."""
    missing = [path for path in (base, *base.parents) if not path.exists()]
    try:
        base.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"{base} cannot be made a folder: {error.strerror}") from error
    if not os.access(base, os.W_OK | os.X_OK):
        raise ExportError(f"{base} cannot be written to: choose another folder")
    return missing


def _is_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _FULL
    is_tensorflow_s = isinstance(error, tf.errors.OpError)
    return is_tensorflow_s and any(text in str(error) for text in _FULL_OF_TENSORFLOW)


def _no_space(base: Path, reason: str) -> NoSpace:
    reason = " ".join(reason.split())
    return NoSpace(f"{base}: no space ({reason}); nothing was published: free some")
